const info = (text) => console.error(`2024-11-21T02:45:39.123Z INFO ${text}`);

info("starting");
console.error(new Error("first\nof two lines"));
info("with words before");
console.error("request failed:", new ReferenceError("customer is not defined"));
info("with properties");
console.error(Object.assign(new Error("quota"), { code: "E_QUOTA", limit: { bytes: 10 } }));
info("an Error in the text only: Error: not thrown");
info("done");
