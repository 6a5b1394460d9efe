package main

import "errors"

type failure struct{ error }

func store(orders map[string]int) { orders["a"] = 1 }

func main() {
	defer func() {
		if r := recover(); r != nil {
			panic(failure{errors.New("storing:\nit did not work")})
		}
	}()
	store(nil)
}
