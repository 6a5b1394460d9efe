from concurrent.futures import ProcessPoolExecutor


def square(number):
    raise ArithmeticError(f"{number} is too large")


if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        print(list(pool.map(square, [3])))
