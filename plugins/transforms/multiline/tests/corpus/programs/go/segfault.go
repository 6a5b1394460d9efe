package main

type list struct{ next *list }

func last(l *list) *list { return l.next.next }

func main() { last(&list{}) }
