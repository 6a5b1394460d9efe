$stderr.puts "2024-11-21 02:45:39 INFO starting a thread"
thread = Thread.new { Integer("seven") }
sleep 0.1
$stderr.puts "2024-11-21 02:45:39 INFO going on"
begin
  thread.join
rescue ArgumentError
  $stderr.puts "2024-11-21 02:45:39 INFO it had failed"
end
