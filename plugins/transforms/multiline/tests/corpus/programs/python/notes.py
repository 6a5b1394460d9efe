# corpus: records
def read(path):
    error = ValueError("line 3: expected a number\nfound 'x'")
    error.add_note(f"while reading {path}")
    error.add_note("hint: numbers are written without units")
    raise error


read("limits.conf")
