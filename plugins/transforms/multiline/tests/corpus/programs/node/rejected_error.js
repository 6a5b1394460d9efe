async function load() {
  await null;
  JSON.parse("{");
}

load();
