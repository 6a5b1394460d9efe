def read():
    error = ValueError("not a number")
    error.add_note("while reading limits.conf")
    raise error


try:
    read()
except ValueError as error:
    raise SystemError("no limits") from error
