def fail(number):
    raise ValueError(f"worker {number} failed")


def gather():
    errors = []
    for number in range(2):
        try:
            fail(number)
        except ValueError as error:
            error.add_note(f"while handling job {number}")
            errors.append(error)
    inner = ExceptionGroup("inner", [TypeError("never raised")])
    raise ExceptionGroup("several workers failed", [*errors, inner])


try:
    gather()
except* TypeError as group:
    raise RuntimeError("shutting down") from group
