// corpus: all
package main

import (
	"fmt"
	"os"
	"time"
)

type order struct{ items []int }

func (o *order) item(at int) int { return o.items[at] }

func wait(stop chan bool) { <-stop }

func main() {
	stop := make(chan bool)
	for i := 0; i < 2; i++ {
		go wait(stop)
	}
	time.Sleep(10 * time.Millisecond)
	fmt.Fprintln(os.Stderr, "2024/11/21 02:45:39 looking")
	(&order{}).item(3)
}
