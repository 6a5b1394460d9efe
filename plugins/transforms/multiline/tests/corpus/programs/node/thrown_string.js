throw "out of paper";
