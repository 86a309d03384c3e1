// Says whether IAM would allow requests. Each line of standard input is a list of cases in JSON, a policy and a request
// each, and results in a line with the list of the results of @cloud-copilot/iam-simulate, "Allowed" or a kind of
// denial. The argument is the folder of node_modules.
"use strict";

const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");

const { runSimulation } = createRequire(`${process.argv[2]}/package.json`)("@cloud-copilot/iam-simulate");

const ALLOW_ALL = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
};

// A key and a role must trust the account, which then leaves the decision to the policy of the caller.
function resourcePolicy({ action, partition, account }) {
  const [service] = action.split(":");
  if (service !== "kms" && service !== "sts") return undefined;
  const root = { AWS: `arn:${partition}:iam::${account}:root` };
  const statement = { Effect: "Allow", Principal: root, Action: action };
  if (service === "kms") statement.Resource = "*";
  return { Version: "2012-10-17", Statement: [statement] };
}

async function simulate({ policy, request }) {
  const { action, resource, account, partition, context } = request;
  const result = await runSimulation(
    {
      request: {
        principal: `arn:${partition}:iam::${account}:user/caller`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: [{ name: "policy", policy }],
      serviceControlPolicies: [{ orgIdentifier: "o-1", policies: [{ name: "all", policy: ALLOW_ALL }] }],
      resourceControlPolicies: [],
      resourcePolicy: resourcePolicy(request),
    },
    {},
  );
  if (result.resultType === "error") throw new Error(`${JSON.stringify(request)}: ${JSON.stringify(result.errors)}`);
  return result.overallResult;
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const results = [];
    for (const one of JSON.parse(line)) results.push(await simulate(one));
    console.log(JSON.stringify(results));
  }
}

main();
