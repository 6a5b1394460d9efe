def check(name):
    raise OSError(f"{name} is away")


errors = []
for name in ("a", "b"):
    try:
        check(name)
    except OSError as error:
        errors.append(error)
group = ExceptionGroup("2 of 3 servers", errors)
group.add_note("tried twice")
raise group
