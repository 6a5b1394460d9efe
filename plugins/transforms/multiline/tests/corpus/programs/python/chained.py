import json


def parse(text):
    return json.loads(text)


def load():
    try:
        return parse("{")
    except ValueError as error:
        raise RuntimeError("the settings cannot be read") from error


def start():
    try:
        load()
    except RuntimeError:
        return {}["fallback"]


start()
