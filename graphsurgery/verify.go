package graphsurgery

import "fmt"

// Level says how much [Model.Check] tests; each level holds those before it.
type Level int

const (
	// LevelStructure is what a graph is made of: each name is defined once and
	// before it is read, each tensor has one set of values of its type, each
	// operator's domain is imported.
	LevelStructure Level = iota
	// LevelSchema is what onnx.checker.check_model demands: versions, names,
	// types of inputs and outputs, attributes, and every node of a standard
	// operator against its schema.
	LevelSchema
	// LevelTypes is what its full_check demands: element types and shapes fit
	// what each operator takes and what the file says of its results.
	LevelTypes
	// LevelRunnable adds faults that the checker lets through and no runtime gets
	// past: tensors that do not fill their shape, external data cut short, sizes
	// that an operator cannot take.
	LevelRunnable
	// LevelStrict adds what runtimes may get past, such as operators that nothing
	// defines and names that mean nothing.
	LevelStrict
)

var levelNames = [...]string{"structure", "schema", "types", "runnable", "strict"}

// String gives the level's name, such as schema.
func (l Level) String() string {
	if l >= 0 && int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", int(l))
}

// ParseLevel reads what [Level.String] writes.
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if n == name {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("level %q: want structure, schema, types, runnable or strict", name)
}

// CheckOptions says how [Model.Check] judges. The zero value tests the structure.
type CheckOptions struct {
	Level Level
	// Domains are operator domains that the reader of the model knows, though
	// neither the standard nor a function of the model defines their operators.
	Domains []string
	// Max is the greatest number of problems that are listed; 0 is 1000.
	Max int
	// Rules are the caller's own. They run when the structure is sound.
	Rules []func(m *Model) []Problem

	edit bool // see Verify
}

// Problem is one fault of a model.
type Problem struct {
	Rule  string // which rule of [Rules] is broken
	Level Level  // the rule's level
	Graph string // where: "" is the main graph, "if1.then_branch" a body, "function local.Double"
	Node  string // node name or first output, if a node is concerned
	Op    string // its operator
	Value string // the name of the value, tensor or attribute, if one is concerned
	What  string // what is wrong, got and want
}

// String gives place, what is wrong, and the rule.
func (p Problem) String() string {
	return p.place() + p.What + " [" + p.Rule + "]"
}

func (p Problem) place() string {
	s := place("", p.Node, p.Op)
	if p.Graph != "" {
		s = p.Graph + ": " + s
	}
	return s
}

// Verify tests what every edit must keep: the rules of [LevelStructure], and of
// higher ones those without which a graph cannot be worked on, namely that tensors
// fill their shapes, ports have element types and outputs of functions are computed.
// The error is a [FormatError] that names the first place where one is broken.
func (m *Model) Verify() error { return m.firstProblem(CheckOptions{Max: 1, edit: true}) }

// VerifyLevel tests the rules of a level and gives the first problem that
// [Model.Check] would list as a [FormatError].
func (m *Model) VerifyLevel(level Level) error {
	return m.firstProblem(CheckOptions{Level: level, Max: 1})
}

func (m *Model) firstProblem(o CheckOptions) error {
	problems := m.Check(o)
	if len(problems) == 0 {
		return nil
	}
	p := problems[0]
	e := &FormatError{File: m.path, Node: p.Node, Op: p.Op, What: p.What}
	if p.Graph != "" {
		e.What = "in " + p.Graph + ": " + e.What
	}
	return e
}

// Check lists what is wrong with the model, in the file's order: first what the
// graphs and functions themselves show, then what takes knowledge of all. Types are
// tested only where structure and schemas show no fault, the strict rules where the
// structure shows none.
func (m *Model) Check(o CheckOptions) []Problem {
	c := newChecker(m, o)
	c.run()
	if c.full() || c.worst() == LevelStructure {
		return c.problems
	}
	for _, rule := range o.Rules {
		c.problems = append(c.problems, rule(m)...)
	}
	return c.problems[:min(len(c.problems), c.max)]
}

// worst is the least level of which a rule is broken, LevelStrict+1 if none is.
func (c *checker) worst() Level {
	worst := LevelStrict + 1
	for _, p := range c.problems {
		worst = min(worst, p.Level)
	}
	return worst
}

func (c *checker) run() {
	c.structure()
	if c.level >= LevelSchema {
		c.header()
		c.calls()
	}
	if c.worst() == LevelStructure {
		return // what follows relies on names that mean one thing
	}
	if c.level >= LevelTypes && c.worst() > LevelSchema {
		c.types()
	}
	if c.level >= LevelStrict {
		c.strict()
	}
}
