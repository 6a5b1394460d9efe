def plugin():
    exec(compile("x = 1\nfor y in range(3)\n    pass\n", "plugin.py", "exec"))


plugin()
