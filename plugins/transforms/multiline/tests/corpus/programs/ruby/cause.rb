def connect
  raise IOError, "connection reset"
end

def load
  connect
rescue IOError
  raise "the settings cannot be read"
end

load
