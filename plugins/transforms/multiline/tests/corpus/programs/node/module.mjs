import { readFileSync } from "node:fs";

const read = () => readFileSync("missing.json");
read();
