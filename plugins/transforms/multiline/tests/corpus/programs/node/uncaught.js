function connect(port) {
  throw new Error(`connect ECONNREFUSED 127.0.0.1:${port}`);
}

function start() {
  connect(5432);
}

start();
