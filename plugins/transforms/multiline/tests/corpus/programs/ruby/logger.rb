require "logger"

log = Logger.new($stderr)
log.formatter = proc { |level, _, _, text|
  text = "#{text.message} (#{text.class})\n#{text.backtrace.join("\n")}" if text.is_a?(Exception)
  "#{level[0]}, [2024-11-21T02:45:39.123456 #1] #{level.rjust(5)} -- : #{text}\n"
}

def charge
  {}.fetch(:total)
end

log.info("charging")
begin
  charge
rescue KeyError => error
  log.error(error)
end
log.info("charged")
