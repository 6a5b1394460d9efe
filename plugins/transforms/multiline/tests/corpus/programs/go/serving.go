package main

import (
	"log"
	"net"
	"net/http"
	"runtime/debug"
)

func handle(w http.ResponseWriter, r *http.Request) {
	var orders []string
	log.Println("handling", orders[len(r.URL.Path)])
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("2024/11/21 02:45:39 ")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(listener, http.HandlerFunc(handle))
	log.Println("serving")
	http.Get("http://" + listener.Addr().String() + "/")
	log.Println("still serving")
	debug.PrintStack()
	log.Println("the stack was printed")
	log.Panicln("giving up")
}
