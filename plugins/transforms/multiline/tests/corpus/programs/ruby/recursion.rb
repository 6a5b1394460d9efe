def again
  again
end

again
