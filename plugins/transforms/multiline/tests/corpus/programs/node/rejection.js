Promise.reject({ status: 503, reason: "try later" });
