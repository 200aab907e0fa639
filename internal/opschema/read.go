package opschema

import (
	"fmt"
	"strconv"
	"strings"
)

// The text has one block a schema, separated by empty lines; in a block, lines
// with one space before them belong to the first line:
//
//	ai.onnx Softmax 13 function      domain name since [deprecated|runtime|function|open]
//	 arity 1..1 1..1                 numbers of inputs and of outputs; 1,5 is 1 or 5
//	 in input T                      name type [optional | variadic MIN [mixed]]
//	 out output T
//	 attr axis int = -1              name type [required] [= default]
//	 type T float double             variable types; float is tensor(float)
//
// Lines "release" hold the table of releases. Everything else is generated from
// the same facts that the onnx package registers.

// mustRead reads the embedded text, whose faults are ours.
func mustRead(text string) *index {
	x := &index{versions: map[key][]*Schema{}, latest: map[string]int64{}}
	var s *Schema
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.Fields(line)
		var err error
		switch {
		case line[0] == ' ':
			err = s.detail(words)
		case words[0] == "release":
			err = x.release(words[1:])
		default:
			if s, err = head(words); err == nil {
				x.add(s)
			}
		}
		if err != nil {
			panic(fmt.Sprintf("opschema: line %d of the embedded text, %q: %v", i+1, line, err))
		}
	}
	return x
}

func (x *index) add(s *Schema) {
	k := key{s.Domain, s.Name}
	x.all = append(x.all, s)
	x.versions[k] = append(x.versions[k], s)
	x.latest[s.Domain] = max(x.latest[s.Domain], s.Since)
	// A runtime's version of a standard operator is older, but comes later.
	for v, i := x.versions[k], len(x.versions[k])-1; i > 0 && v[i-1].Since > v[i].Since; i-- {
		v[i-1], v[i] = v[i], v[i-1]
	}
}

func (x *index) release(words []string) error {
	numbers := make([]int64, 4)
	for i, w := range words[1:] {
		var err error
		if numbers[i], err = strconv.ParseInt(w, 10, 64); err != nil {
			return err
		}
	}
	x.releases = append(x.releases, Release{words[0], numbers[0], numbers[1], numbers[2], numbers[3]})
	return nil
}

func head(words []string) (*Schema, error) {
	s := &Schema{Domain: Canonical(words[0]), Name: words[1]}
	for _, flag := range words[3:] {
		switch flag {
		case "deprecated":
			s.Deprecated = true
		case "runtime":
			s.Runtime = true
		case "function":
			s.Function = true
		case "open":
			s.Open = true
		default:
			return nil, fmt.Errorf("unknown flag %q", flag)
		}
	}
	var err error
	s.Since, err = strconv.ParseInt(words[2], 10, 64)
	return s, err
}

// detail reads a line of a schema's block.
func (s *Schema) detail(words []string) error {
	args := words[1:]
	switch words[0] {
	case "arity":
		return s.arity(args)
	case "in":
		p, err := param(args)
		s.Inputs = append(s.Inputs, p)
		return err
	case "out":
		p, err := param(args)
		s.Outputs = append(s.Outputs, p)
		return err
	case "attr":
		a, err := attr(args)
		s.Attrs = append(s.Attrs, a)
		return err
	case "type":
		c := Constraint{Name: args[0], Allowed: make([]string, len(args)-1)}
		for i, t := range args[1:] {
			c.Allowed[i] = fullType(t)
		}
		s.Types = append(s.Types, c)
		return nil
	}
	return fmt.Errorf("unknown word %q", words[0])
}

func fullType(t string) string {
	if strings.Contains(t, "(") {
		return t
	}
	return "tensor(" + t + ")"
}

func (s *Schema) arity(args []string) error {
	var err error
	if s.MinInputs, s.MaxInputs, err = bounds(args[0]); err != nil {
		return err
	}
	if !strings.Contains(args[1], ",") {
		s.MinOutputs, s.MaxOutputs, err = bounds(args[1])
		return err
	}
	for _, text := range strings.Split(args[1], ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		s.OutputCounts = append(s.OutputCounts, n)
	}
	s.MinOutputs, s.MaxOutputs = s.OutputCounts[0], s.OutputCounts[len(s.OutputCounts)-1]
	return nil
}

// bounds reads "1..2" and "1..inf".
func bounds(text string) (least, greatest int, err error) {
	lo, hi, _ := strings.Cut(text, "..")
	if least, err = strconv.Atoi(lo); err != nil {
		return 0, 0, err
	}
	if hi == "inf" {
		return least, Unbounded, nil
	}
	greatest, err = strconv.Atoi(hi)
	return least, greatest, err
}

func param(args []string) (Param, error) {
	p := Param{Name: args[0], TypeStr: args[1], Homogeneous: true, MinArity: 1}
	if len(args) == 2 {
		return p, nil
	}
	switch args[2] {
	case "optional":
		p.Option, p.MinArity = Optional, 0
		return p, nil
	case "variadic":
		var err error
		p.Option, p.Homogeneous = Variadic, len(args) == 4
		p.MinArity, err = strconv.Atoi(args[3])
		return p, err
	}
	return p, fmt.Errorf("unknown option %q", args[2])
}

func attr(args []string) (Attr, error) {
	a := Attr{Name: args[0]}
	for i, name := range attrTypeNames {
		if name == args[1] {
			a.Type = AttrType(i)
		}
	}
	if a.Type == 0 {
		return a, fmt.Errorf("unknown attribute type %q", args[1])
	}
	args = args[2:]
	if len(args) > 0 && args[0] == "required" {
		a.Required, args = true, args[1:]
	}
	if len(args) == 0 {
		return a, nil
	}
	var err error
	a.Default, err = value(a.Type, args[1:]) // after "="
	return a, err
}

// value reads a default; lists are written "[ 0 1 ]".
func value(t AttrType, words []string) (any, error) {
	switch t {
	case Int:
		return strconv.ParseInt(words[0], 10, 64)
	case Float:
		f, err := strconv.ParseFloat(words[0], 32)
		return float32(f), err
	case String:
		return strconv.Unquote(words[0])
	case Ints:
		return list(words, func(w string) (int64, error) { return strconv.ParseInt(w, 10, 64) })
	case Strings:
		return list(words, strconv.Unquote)
	}
	return nil, fmt.Errorf("no form for a default of type %s", t)
}

func list[T any](words []string, read func(string) (T, error)) ([]T, error) {
	var out []T
	for _, w := range words[1 : len(words)-1] {
		x, err := read(w)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}
