async function fetchOne(name) {
  throw new RangeError(`${name} is away`);
}

async function main() {
  await Promise.any([fetchOne("a"), fetchOne("b")]);
}

main();
