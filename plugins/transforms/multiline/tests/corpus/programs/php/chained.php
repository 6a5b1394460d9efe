<?php
function connect(string $host) { throw new LogicException("no route to $host"); }
function load(string $file) {
    try {
        connect("db.example.com");
    } catch (LogicException $error) {
        throw new RuntimeException("could not load $file", 3, $error);
    }
}
load("a/rather/long/path/to/some/orders.json");
