<?php
function fail() { throw new DomainException("first line\nsecond line"); }
fwrite(STDERR, "2024-11-21 02:45:39 INFO starting\n");
try { fail(); } catch (DomainException $error) { fwrite(STDERR, $error . "\n"); }
fwrite(STDERR, "2024-11-21 02:45:39 INFO going on\n");
$arguments = function ($text, $list) { throw new ErrorException("with arguments"); };
$arguments("one\ntwo", [1]);
