def handler(event)
  puts(event
end
