"""The generator: draws a combination from a seed and a number, and writes it down as files, arguments and variables.

It draws nothing about which the contract is silent: `rules` raises `Silent` for such a combination, and the next one is
drawn. It also never draws a variable that is given twice in a layer, a parameter that is denied next to other
parameters (AWS refuses the request for all of them), or two entries for one path."""

import base64
import json
import random
from dataclasses import dataclass, field, replace

from aws import ACCOUNT, REGIONS
from rules import (
    NOT_FOUND,
    Answer,
    Entry,
    EnvFrom,
    Launch,
    Layer,
    Lookup,
    Reference,
    Silent,
    Started,
    after_poll,
    expected,
)

NAMES = ["A", "B", "C", "D", "DB_1"]
KEYS = ["", "a", "a", "b", "e", "o", "$.a", "$.o.x", "$..x", "$..t", "$..a"]
NO_KEYS = ["n", "missing", "$.o.missing", "$.n", "$.missing", "$.a.b", "$..missing", "$[0]", "$[0].a"]
EMPTY = ["", "\n", "# env: { A: prod/db:a }\n", "null\n", "---\n", "---\n# nothing\n", "\ufeff"]
WRONG = [{"stage": "S" * 257}, {"version": "too-short"}, {"key": "$["}]
UNRELATED = ["text", '"quoted"', " spaces ", "{{ other }}", "arn:aws:s3:::bucket", "postgres://u@db/x", "${X}"]
MALFORMED = ["{{resolve:secretsmanager:}}", "{{ resolve:ssm:/x }}", "ssm://c1/x", "sm://c1/x", "{aws-sm}c1/x"]
# Values that a launch may warn of, but doesn't change.
ODD = ["v\r", "v\r\n", "v\u00a0", "\ufeffv", "v ", "long-value-v ", " long-value-v", "two words v ", '"v"', "v\n\n", " ", "\r"]
ODD += ["{{resolve:ssm:/v}}", "line\nv\r\n"]
DYNAMIC_AROUND = ["{}", "{}", "db://{}@host", "{}{}", '{"k":"{}"}']
DELETED = "You can't perform this operation on the secret because it was marked for deletion."
NO_STAGE = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"

# The errors of GetSecretValue, and the HTTP statuses with which each of them is sent.
ERRORS = [
    ("ResourceNotFoundException", NOT_FOUND.message, [400, 404]),
    ("ResourceNotFoundException", NO_STAGE, [400, 404]),
    ("ResourceNotFound", "This isn't the code of an absence.", [400]),
    ("InvalidRequestException", DELETED, [400]),
    ("AccessDeniedException", "User: app is not authorized to perform: secretsmanager:GetSecretValue", [400, 403]),
    ("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.", [400]),
]
OUTAGES = [
    ("InternalServiceError", "An error occurred on the server side.", [500, 503]),
    ("ThrottlingException", "Rate exceeded", [400, 429]),
    ("", "", [403, 404, 502]),  # a proxy's page
]


@dataclass
class Case:
    """A launch, and what is needed to repeat it."""

    number: int
    launch: Launch
    earlier: dict = field(default_factory=dict)  # what AWS answers an earlier launch, which fills the cache
    between: dict = field(default_factory=dict)  # what AWS answers a launch after that, which may empty the cache
    later: dict = None  # what AWS answers a poll
    arguments: list = field(default_factory=list)
    texts: dict = field(default_factory=dict)  # the files by their names
    options: dict = field(default_factory=dict)  # options that are variables
    stdin: str = None
    outcome: object = None
    polled: object = None  # what the program has after the poll


def draw(seed, number, place, is_poll=False):
    """The first combination for this number about which the contract says something. Its files are in `place`."""
    chance = random.Random(f"{seed} {number}")
    while True:
        case = Drawing(chance, number, place, is_poll).draw()
        try:
            case.outcome = expected(case.launch)
        except Silent:
            continue
        if fails_for_others(case.launch):
            continue
        if case.later is not None and not add_poll(case):
            continue
        write(case, chance)
        return case


def add_poll(case):
    """Adds what a poll finds. Returns false if the program doesn't start, or if the contract says nothing about it."""
    changed = replace(case.launch, answers=case.later)
    if not isinstance(case.outcome, Started) or fails_for_others(changed):
        return False
    try:
        case.polled = after_poll(case.outcome, expected(changed))
    except Silent:
        return False
    return True


def fails_for_others(launch):
    """AWS refuses a request because of one parameter, or the answer to all is flawed. The contract doesn't say what that
    means for the others."""
    ids = [(name, stage) for name, stage in launch.answers if name.startswith("ssm:") and not name.endswith(("/", "*"))]
    answers = [answer for identity in ids for answer in launch.answers[identity]]
    is_whole = [answer.flaw or (answer.status != 200 and answer.code != NOT_FOUND.code) for answer in answers]
    return len(ids) > 1 and any(is_whole)


class Drawing:
    """What is drawn so far, for one combination."""

    def __init__(self, chance, number, place, is_poll):
        self.chance = chance
        self.is_poll = is_poll
        self.number = number
        self.place = place
        self.launch = Launch()
        self.case = Case(number, self.launch)
        self.count = 0
        self.usual_trouble = self.trouble = chance.choice([0.0, 0.1, 0.3])
        self.has_empty_objects = False
        self.references = []

    def once_in(self, times):
        return self.chance.randrange(times) == 0

    def draw(self):
        chance, launch = self.chance, self.launch
        kinds = ["plain"] * 10 + ["fallback", "fallback", "cache", "cache", "local", "local", "role", "poll"]
        kind = "poll" if self.is_poll else chance.choice(kinds)
        launch.local = kind == "local"
        launch.regions = 2 if kind == "fallback" or (kind == "cache" and self.once_in(2)) else 1
        launch.has_refused_role = kind == "role"
        launch.keep_existing = self.once_in(4)
        for name in NAMES:
            if self.once_in(3):
                launch.inherited[name] = chance.choice(["", f"kept-{name}", "kept", f"${{{name}}}"])
        if self.once_in(3):
            launch.globs = [chance.choice(["*", "DB_*"])]
        if launch.globs or self.once_in(4):
            self.add_inherited()
        for at in range(chance.choice([0, 1, 1, 1, 2, 2, 3])):
            launch.layers.append(self.layer(at))
        has_entries = any(layer.entries or layer.sources for layer in launch.layers)
        may_be_nothing = (launch.globs or launch.layers) and self.once_in(2)
        if self.once_in(3) or not (has_entries or may_be_nothing):
            launch.layers.append(self.flags())
        if kind == "cache":
            self.fill_cache()
        if kind == "poll":
            self.case.later = {identity: self.changed(identity, answers) for identity, answers in launch.answers.items()}
        return self.case

    # Secrets and their answers.

    def next(self, word):
        self.count += 1
        return f"{word}{self.count}"

    def value(self):
        if self.once_in(8):
            return self.chance.choice(ODD).replace("v", self.next("v"))
        return self.next("v") + self.chance.choice(["", "", " '\"$x", "\n", "é"])

    def object(self):
        inner = {"x": self.value(), "t": True}
        return {"a": self.value(), "b": 17, "e": "", "n": None, "o": inner, "l": [self.value(), 1]}

    def good_text(self):
        document = self.object()
        if self.once_in(4):
            document["o"]["a"] = self.value()  # so `$..a` finds two
        # The file of `--local` may have this as an object, which is compact JSON as a whole.
        separators = (",", ":") if self.launch.local else None
        return json.dumps(document, ensure_ascii=self.once_in(2) and not self.launch.local, separators=separators)

    def odd_text(self):
        """A malformed secret of each JSON type, or an object without values."""
        good = self.good_text()
        malformed = [json.dumps(good), f"[{good}, 1]", "[]", "17", "true", "null", '"text"', self.value(), good[:-1]]
        empty = ["{}", "{}", '{"a":null}', '{"a":null,"n":null}']
        return self.chance.choice(empty if self.has_empty_objects else [*malformed, *empty])

    def answer(self, is_parameter):
        """The answers of the regions for one secret."""
        chance, launch = self.chance, self.launch
        if chance.random() >= self.trouble:
            answer = Answer(self.good_text().encode())
        elif self.once_in(2):
            answer = Answer(self.odd_text().encode())
        elif self.once_in(4) and not is_parameter:
            data = [self.good_text().encode(), b"\xff\xfe" + self.value().encode(), b"v\0" + self.value().encode()]
            answer = Answer(chance.choice(data), is_binary=True)
        elif launch.local:
            answer = NOT_FOUND
        elif self.once_in(5):
            answer = self.flawed()
        else:
            answer = self.error(ERRORS)
        answers = [answer]
        if launch.regions == 2:
            # If the first region has answered, nobody may see the second one's value.
            answers.append(Answer(self.good_text().encode()))
            if self.once_in(2):
                answers[0] = self.error(OUTAGES)
                answers[1] = chance.choice([answers[1], answer, self.error(OUTAGES)])
        elif self.once_in(12) and not launch.local:
            answers = [self.error(OUTAGES)]
        return answers

    def error(self, errors):
        code, message, statuses = self.chance.choice(errors)
        spelling = self.chance.choice(["body", "header", "url"])
        return Answer(status=self.chance.choice(statuses), code=code, message=message, spelling=spelling)

    def flawed(self):
        """An answer with 200 that is none."""
        return Answer(self.good_text().encode(), flaw=self.chance.choice(["page", "cut", "value"]))

    def fill_cache(self):
        """An earlier launch has read good answers, which an outage makes this launch use."""
        for identity, answers in list(self.launch.answers.items()):
            answer = answers[0]
            is_path = identity[0].endswith(("/", "/*"))
            earlier = answer if is_path else Answer(self.good_text().encode())
            self.case.earlier[identity] = [earlier] * len(answers)
            if earlier.status == 200:
                self.launch.cached[identity] = earlier
            if self.once_in(2) and answer.parameters != {}:  # whether the cache keeps an empty path isn't said
                self.launch.answers[identity] = [self.error(OUTAGES), *answers[1:]]
                # A denial or an absence in between removes the cached answer. An outage doesn't.
                if self.once_in(3) and not identity[0].startswith("ssm:"):
                    between = self.error([ERRORS[0], ERRORS[4], OUTAGES[0]])
                    self.case.between[identity] = [between] * len(answers)
                    if between.code != OUTAGES[0][0]:
                        self.launch.cached.pop(identity, None)
        if self.case.between:
            self.case.between = {**self.case.earlier, **self.case.between}

    def changed(self, identity, answers):
        """What a poll finds: the same, a new value, an empty one, an object without keys, or no secret."""
        chance = self.chance
        if answers[0].parameters is not None:
            found = chance.choice([answers[0].parameters, {}, {"a": self.value(), "b": self.value()}, {"a": self.value()}])
            return [Answer(parameters=found)]
        empty = json.dumps(self.object() | {"a": "", "b": ""})
        texts = [self.good_text(), self.good_text(), empty, "{}", self.odd_text()]
        if not identity[0].startswith("ssm:"):
            texts.append("")
        kind = chance.choice(["same", "same", "text", "text", "text", "gone", "error"])
        if kind == "text":
            return [Answer(chance.choice(texts).encode())]
        return {"same": answers, "gone": [NOT_FOUND], "error": [self.error(ERRORS + OUTAGES)]}[kind]

    def identifier(self, forms):
        """A new secret or parameter with its answers. A form is `name`, `arn`, `parameter` or `parameter arn`."""
        form = self.chance.choice(forms)
        name = f"c{self.number}/" + self.next("s")
        answers = self.answer(form.startswith("parameter"))
        stored = {"name": name, "arn": f"{name}-AbCdEf"}.get(form, f"ssm:/{name}")
        if self.launch.local and form == "arn" and self.once_in(2):
            stored = name
        if not (self.launch.local and answers[0] is NOT_FOUND):
            self.launch.answers[stored, ""] = answers
        arns = {"arn": f"arn:aws:secretsmanager:{REGIONS[0]}:{ACCOUNT}:secret:{name}-AbCdEf"}
        arns["parameter arn"] = f"arn:aws:ssm:{REGIONS[0]}:{ACCOUNT}:parameter/{name}"
        return arns.get(form, stored)

    def variable(self, value):
        """A variable for ${X}: it isn't set, is empty, or has this value."""
        name = self.next("X")
        kind = self.chance.choice(["unset", "empty", "set", "set"])
        if kind != "unset":
            self.launch.inherited[name] = value if kind == "set" else ""
        return name

    def secret(self):
        """SECRET as it is written: an id, or a text with ${X}."""
        form = self.chance.randrange(16)
        if form == 0:
            if self.once_in(4):
                return "${" + self.next("X") + "}"
            return "${" + self.variable(self.identifier(["name", "arn", "parameter arn"])) + "}"
        if form in (1, 2, 3):
            return "${" + self.variable(self.identifier(["name", "arn", "parameter arn"])) + ":-}"
        if form == 4:
            return "${" + self.variable(self.identifier(["name", "arn"])) + ":-" + self.identifier(["name"]) + "}"
        if form == 5:
            return "ssm:${" + self.variable(self.identifier(["parameter"])[len("ssm:"):]) + ":-}"
        if form == 6:
            first, _, last = self.identifier(["name"]).partition("/")
            return first + "/${" + self.variable(last) + ":-}"
        return self.identifier(["name", "name", "name", "arn", "parameter", "parameter arn"])

    def reference(self, keys, layer):
        """A reference with one of these keys, sometimes by an alias, or to a secret that was read before."""
        if self.references and self.once_in(4):
            secret, stage = self.chance.choice(self.references)
        else:
            secret, stage = self.secret(), ""
            if self.once_in(10) and (secret, "") in self.launch.answers and not secret.startswith("ssm:"):
                stage = "AWSPREVIOUS"
                if not self.launch.local:
                    self.launch.answers[secret, stage] = self.launch.answers.pop((secret, ""))
            self.references.append((secret, stage))
        reference = Reference(secret, self.chance.choice(keys), stage)
        if self.once_in(30) and "$" not in secret and "ssm" not in secret:
            for name, value in self.chance.choice(WRONG).items():
                setattr(reference, name, value)
        elif self.once_in(5):
            return self.by_alias(reference, layer)
        return reference

    def by_alias(self, reference, layer):
        """The same reference by an alias, which is in this layer or in an earlier one."""
        earlier = [other for other in [*self.launch.layers, layer] if not other.is_flags and other.text is None]
        if not earlier:
            return reference
        name = self.next("alias")
        self.chance.choice(earlier).aliases[name] = Reference(reference.secret, stage=reference.stage)
        return Reference(name, reference.key)

    # Entries and layers.

    def entry(self, name, layer):
        entry = Entry(None, name)
        kind = "needed" if layer.is_flags else self.chance.choice(["needed", "default", "default", "optional"])
        if kind == "default":
            entry.default = self.chance.choice(["", f"default-{self.count}", f"default-{self.count}"])
        entry.optional = kind == "optional"
        # An entry that may be absent meets more trouble, because there is more to get wrong.
        self.trouble = self.usual_trouble if kind == "needed" else 0.5
        keys = NO_KEYS if self.chance.random() < self.trouble / 2 else KEYS
        self.add_source(entry, keys, layer)
        self.trouble = self.usual_trouble
        return entry

    def add_source(self, entry, keys, layer):
        entry.source = self.reference(keys, layer)
        if layer.is_flags:
            entry.in_memory = self.once_in(4)
            return
        form = self.chance.randrange(12)
        if form == 0:
            entry.source, entry.default, entry.optional = self.value(), None, False
        if form in (1, 2):
            entry.source = self.template(layer)
        if form in (3, 4):
            entry.in_memory = True
        if form == 5:
            entry.path = f"{self.place}/out/" + self.next("file")
            entry.name = self.chance.choice([None, self.next("FILE")])
        if self.once_in(6):
            entry.pattern = self.chance.choice([".", "^[vd]", "^v[0-9]+$", "^(v|default-)[0-9]+$"])

    def template(self, layer):
        parts = [self.chance.choice(["x", "db://", '"', "k="])]
        aliases = [self.by_alias(Reference(self.secret()), layer).secret for _ in range(self.chance.choice([1, 2]))]
        for _ in range(self.chance.choice([1, 2, 3])):
            if self.once_in(5):
                parts.append(Lookup("env", self.variable(self.value())))
            else:
                parts.append(self.lookup(self.chance.choice(aliases)))
            parts.append(self.chance.choice(["", "@", '"', ";"]))
        return parts

    def lookup(self, alias):
        default = self.chance.choice([None, None, f"other-{self.count}"])
        filters = [None, None, None, "urlencode", "trim", "tojson", "b64encode"]
        found = Lookup(alias, default=default, has_brackets=self.once_in(2), filter=self.chance.choice(filters))
        found.key = self.chance.choice(["a", "a", "a", "b", "n", "missing", "o", ""])
        if self.once_in(6):
            found.key, found.index = "l", self.chance.choice([0, 1, 9])
        return found

    def env_from(self, layer):
        self.trouble, self.has_empty_objects = max(self.usual_trouble, 0.3), self.once_in(2)
        reference = self.path() if self.once_in(4) else self.reference(["", "", "", "", "o", "$.o", "a", "n"], layer)
        self.trouble, self.has_empty_objects = self.usual_trouble, False
        source = EnvFrom(reference)
        source.prefix = self.chance.choice(["", "P_", "P_"])
        if layer.is_flags:
            return source
        form = self.chance.randrange(8)
        if form < 3:  # these names are of this source only, so that no other entry overrides them
            source.prefix = self.next("ONLY") + "_"
            source.only = self.chance.choice([["a"], ["a", "b"], ["a"], ["n"], ["missing"], []])
        elif form == 3:
            source.excepted = self.chance.choice([["a"], ["a", "b", "e", "n", "o", "l"]])
        source.optional = self.once_in(3)
        return source

    def path(self):
        """All parameters below a path, or only the ones directly below it."""
        path, end = f"/c{self.number}/" + self.next("path"), self.chance.choice(["/", "/*"])
        found = {"a": self.value(), "b": self.value()} if self.chance.random() >= self.trouble else {}
        answer = Answer(parameters=found)
        if self.once_in(8) and not self.launch.local:
            answer = self.error(ERRORS[3:4] + OUTAGES[:2])
        if found or not self.launch.local:
            self.launch.answers[f"ssm:{path}{end}", ""] = [answer] * self.launch.regions
        if self.once_in(2):
            return Reference("ssm:${" + self.variable(path) + ":-}" + end)
        return Reference(f"ssm:{path}{end}")

    def layer(self, at):
        layer = Layer()
        if self.once_in(10):
            layer.text = self.chance.choice([*EMPTY, "{}", "{}", "{}"])
            return layer
        self.fill(layer, self.chance.choice([1, 1, 2, 3]))
        return layer

    def flags(self):
        layer = Layer(is_flags=True)
        self.fill(layer, self.chance.choice([1, 1, 2]))
        return layer

    def fill(self, layer, count):
        for name in self.chance.sample(NAMES, count):
            if self.once_in(3):
                layer.sources.append(self.env_from(layer))
            else:
                layer.entries.append(self.entry(name, layer))

    # Inherited variables with references.

    def add_inherited(self):
        for name in self.chance.sample(["DB_1", "DB_2", "DB_3", "OTHER"], self.chance.choice([1, 2])):
            self.launch.inherited[name] = self.inherited()

    def inherited(self):
        chance = self.chance
        key = chance.choice(["a", "a", "b", "missing", "n", "o"])
        if self.once_in(4):
            return chance.choice(UNRELATED)
        if self.once_in(20):
            return chance.choice(MALFORMED)
        is_arn = self.once_in(2)
        if is_arn:
            reference = self.identifier(["arn", "arn", "parameter arn"]) + chance.choice(["", f":{key}", f":{key}::"])
        else:
            fields = chance.choice(["", f":SecretString:{key}", f":SecretString:{key}::"])
            reference = "{{resolve:secretsmanager:" + self.identifier(["name"]) + fields + "}}"
        malformed = ["'{}'", '"{}"', " {}", "{} ", "' {} '"]
        around = chance.choice(malformed if self.once_in(3) else ["{}"] if is_arn else DYNAMIC_AROUND)
        text = around.replace("{}", reference)
        return text.replace("{{r", "{{ r") if self.once_in(8) else text


# Writing a combination down.


def source_of(source):
    """The keys of a declaration for the source of an entry."""
    if isinstance(source, Reference):
        return {"from": str(source)}
    if isinstance(source, str):
        return {"value": source}
    texts = [part if isinstance(part, str) else lookup(part) for part in source]
    return {"template": "".join(texts)}


def lookup(part):
    default = f" | default('{part.default}')" if part.default is not None else ""
    other = f" | {part.filter}" if part.filter else ""
    key = f"['{part.key}']" if part.has_brackets else f".{part.key}"
    index = "" if part.index is None else f"[{part.index}]"
    return "{{ " + part.alias + (key if part.key else "") + index + default + other + " }}"


def declaration(layer):
    """The text of a declaration, as JSON."""
    document = {"secrets": {}, "env": {}, "env-from": [], "files": []}
    for name, alias in layer.aliases.items():
        document["secrets"][name] = {"id": alias.secret, "stage": alias.stage} if alias.stage else alias.secret
    for source in layer.sources:
        keys = {"from": str(source.source), "prefix": source.prefix or None, "only": source.only}
        keys |= {"except": source.excepted, "optional": source.optional or None}
        document["env-from"].append({key: value for key, value in keys.items() if value is not None})
    for entry in layer.entries:
        keys = {"default": entry.default, "optional": entry.optional or None, "pattern": entry.pattern}
        keys = source_of(entry.source) | {key: keys[key] for key in keys if keys[key] is not None}
        if entry.path:
            document["files"].append(keys | {"path": entry.path} | ({"env": entry.name} if entry.name else {}))
        elif entry.in_memory:
            document["files"].append(keys | {"env": entry.name})
        else:
            document["env"][entry.name] = str(entry.source) if list(keys) == ["from"] else keys
    return json.dumps({key: value for key, value in document.items() if value}, ensure_ascii=False)


def flag_arguments(layer):
    for source in layer.sources:
        yield from ["--env-from", (f"{source.prefix}=" if source.prefix else "") + str(source.source)]
    for entry in layer.entries:
        yield from ["--as-file" if entry.in_memory else "--env", f"{entry.name}={entry.source}"]


def local_value(answer, chance):
    """A value in the file of `--local`: text, a JSON object or scalar as itself, or bytes."""
    if answer.is_binary:
        return {"$binary": base64.b64encode(answer.data).decode()}
    text = answer.data.decode()
    as_itself = text.startswith('{"') or text in ("17", "true")
    return json.loads(text) if as_itself and not text.endswith('"') and is_json(text) and chance.randrange(2) else text


def is_json(text):
    try:
        return json.loads(text) is not None
    except ValueError:
        return False


def local_file(launch, chance):
    values = {}
    for (name, _), (answer, *_) in launch.answers.items():
        if answer.parameters is not None:
            prefix = name.rstrip("*")
            values.update({prefix + key: value for key, value in answer.parameters.items()})
        else:
            values[name] = local_value(answer, chance)
    return json.dumps(values, ensure_ascii=False)


def write(case, chance):
    """The files, the arguments, and standard input of a case."""
    launch, arguments = case.launch, case.arguments
    files = [layer for layer in launch.layers if not layer.is_flags]
    is_default = len(files) == 1 and chance.randrange(4) == 0
    stdin = chance.randrange(len(files)) if files and not is_default and chance.randrange(3) == 0 else None
    names = []
    for at, layer in enumerate(files):
        text = layer.text if layer.text is not None else declaration(layer)
        name = "secrets-exec.yaml" if is_default else f"{'abc'[at]}.yaml"
        if at == stdin:
            case.stdin = text
        else:
            case.texts[name] = text
        names.append("-" if at == stdin else name)
    if names and not is_default and stdin is None and chance.randrange(4) == 0:
        case.options["SECRETS_EXEC_FILE"] = ",".join(names)
    elif not is_default:
        for name in names:
            arguments += ["-f", name]
    for layer in launch.layers:
        if layer.is_flags:
            arguments += flag_arguments(layer)
    for glob in launch.globs:
        arguments += ["--resolve-env", glob]
    if launch.keep_existing:
        arguments.append("--keep-existing")
    if launch.local:
        case.texts["local.json"] = local_file(launch, chance)
        arguments += ["--local", "local.json"]
    if launch.has_refused_role:
        arguments += ["--role-arn", f"arn:aws:iam::{ACCOUNT}:role/gone"]
    if launch.regions == 2:
        arguments += ["--fallback-region", REGIONS[1]]
    if case.later is not None:
        arguments += ["--on-rotation", "restart", "--poll-interval", "1h", "--poll-signal", "USR2"]
    if case.earlier:
        arguments += ["--cache", "cache"]
