def check
  raise ArgumentError, "the order is wrong:\n- no items\n- no customer"
end

check
