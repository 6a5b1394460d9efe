class Connection:
    def __del__(self):
        raise ConnectionResetError("closed by the other side")


Connection()
