function query() {
  const error = new Error("relation \"orders\" does not exist");
  error.code = "42P01";
  error.detail = { table: "orders", schema: "public" };
  throw error;
}

try {
  query();
} catch (error) {
  throw new TypeError("could not load the orders", { cause: error });
}
