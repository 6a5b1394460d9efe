import sys

sys.setrecursionlimit(60)


def again(number):
    return again(number + 1)


again(0)
