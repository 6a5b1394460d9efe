<?php
class Order { public function total(int $items): int { return $items; } }
(new Order)->total("three");
