package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// document is the root node of a file that is safe to walk; nil when the file holds nothing. A problem may come with the
// part of the file that can be read.
func document(file string, data []byte) (*yaml.Node, *Problem) {
	data, problem := checkEncoding(file, data)
	if problem != nil {
		return nil, problem
	}
	return nodes(file, data)
}

// nodes is document for a file whose encoding is right.
func nodes(file string, data []byte) (*yaml.Node, *Problem) {
	root, problem := parseDocument(file, data)
	if root != nil && bytes.IndexByte(data, '*') >= 0 {
		if unsafe := checkAliases(file, root, len(data)); unsafe != nil {
			return nil, unsafe
		}
	}
	return root, problem
}

// parseDocument gives the one document of a file as nodes, aliases unexpanded; nil when the file holds none. With the
// problem that there is a second one comes the first.
func parseDocument(file string, data []byte) (*yaml.Node, *Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := decodeNode(dec, &document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		var second yaml.Node
		if err = decodeNode(dec, &second); err == nil {
			at := Position{file, second.Line, second.Column}
			return document.Content[0], &Problem{at, `a second document begins here: a roster is one document; take out the line "---" or make it two files`}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(file, data, dec, err)
	}
	return document.Content[0], nil
}

// errPanic says that yaml.v3 panicked; it has panics that a file can bring about.
var errPanic = errors.New("the YAML reader gives up near this place: write it more simply")

// decodeNode is dec.Decode without its panics.
func decodeNode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return dec.Decode(n)
}

// syntax says yaml.v3's messages in plain words. Where begin is set, the beginning of the construct tells more than
// the place where reading stopped; open names a construct that may go on over many lines, so that both places count.
var syntax = map[string]struct {
	text  string
	begin bool
	open  string
}{
	"block sequence entries are not allowed in this context":       {text: `a list cannot begin here: put the "-" on a line of its own`},
	"could not find expected ':'":                                  {text: `a ":" is missing after this key, or the line is not indented far enough`, begin: true},
	"did not find expected ',' or ']'":                             {text: `a "," or "]" is missing before this`, open: "list"},
	"did not find expected ',' or '}'":                             {text: `a "," or "}" is missing before this`, open: "mapping"},
	"did not find expected '-' indicator":                          {text: `the list above does not go on here: check the indentation`},
	"did not find expected <document start>":                       {text: `this does not belong to what stands above: check the indentation`},
	"did not find expected alphabetic or numeric character":        {text: `a text that begins with "*" or "&" needs quotes`, begin: true},
	"did not find expected comment or line break":                  {text: `nothing may follow on this line: a text that begins with "|" or ">" needs quotes`, begin: true},
	"did not find expected key":                                    {text: `a key was expected here: check the indentation, and the quotes before it`},
	"did not find expected node content":                           {text: `a value was expected here`},
	"exceeded max depth of 10000":                                  {text: `lists or mappings are nested too deep here`},
	"found a tab character that violates indentation":              {text: `a tab stands in the indentation: use spaces`},
	"found a tab character where an indentation space is expected": {text: `a tab stands in the indentation: use spaces`},
	"found undefined tag handle":                                   {text: `a text that begins with "!" needs quotes`},
	"found unexpected document indicator":                          {text: `the quotes that open here are not closed`, begin: true},
	"found unexpected end of stream":                               {text: `the quotes that open here are not closed`, begin: true},
	"found unknown directive name":                                 {text: `a line that begins with "%" is not read: take it out`, begin: true},
	"found unknown escape character":                               {text: `this backslash begins no escape that YAML knows: write it twice, or use single quotes`},
	"mapping values are not allowed in this context":               {text: `a ":" is not expected here: check the indentation, and put quotes around a text with ": " in it`},
}

// syntaxProblem says where and why yaml.v3 stopped with err. Its messages name a line at most, and often that of the
// enclosing construct, while its parser knows line and column: they are read from there.
func syntaxProblem(file string, data []byte, dec *yaml.Decoder, err error) *Problem {
	place := func(mark reflect.Value) Position {
		return Position{file, int(field(mark, "line").Int()) + 1, int(field(mark, "column").Int()) + 1}
	}
	events := field(reflect.ValueOf(dec), "parser")
	parser := field(events, "parser")
	if errors.Is(err, errPanic) {
		return &Problem{place(field(parser, "mark")), err.Error()}
	}
	reason := field(parser, "problem").String()
	if reason == "" { // yaml.v3 did not stop while parsing, but at what the last event means
		at := place(field(field(events, "event"), "start_mark"))
		reason = strings.TrimPrefix(err.Error(), "yaml: ")
		if name, ok := strings.CutPrefix(reason, "unknown anchor '"); ok {
			name, _, _ = strings.Cut(name, "'")
			return &Problem{at, fmt.Sprintf(`the alias %s names no anchor above it: a text that begins with "*" needs quotes`, quote("*"+name))}
		}
		return &Problem{at, cut(reason)}
	}
	at, begin := place(field(parser, "problem_mark")), place(field(parser, "context_mark"))
	next := characterAt(data, at)
	plain, known := syntax[reason]
	switch {
	case reason == "found character that cannot start any token" && next == "\t":
		return &Problem{at, "a tab stands in the indentation: use spaces"}
	case reason == "found character that cannot start any token":
		return &Problem{at, fmt.Sprintf("a text that begins with %s needs quotes", quote(next))}
	case !known:
		return &Problem{at, "this is not valid YAML: " + cut(reason)}
	case plain.open != "" && next == "":
		return &Problem{begin, fmt.Sprintf("the %s that begins here is not closed", plain.open)}
	case plain.open != "":
		return &Problem{at, fmt.Sprintf("%s, in the %s that begins at %v", plain.text, plain.open, begin)}
	case plain.begin:
		return &Problem{begin, plain.text}
	case next == "":
		return &Problem{at, "the file ends too early: " + plain.text}
	}
	return &Problem{at, plain.text}
}

// field is the named field of a struct or of what a pointer points to.
func field(v reflect.Value, name string) reflect.Value { return reflect.Indirect(v).FieldByName(name) }

// characterAt is the character of data at a place; "" beyond the end.
func characterAt(data []byte, at Position) string {
	for range at.Line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	for range at.Column - 1 {
		_, size := utf8.DecodeRune(data)
		data = data[size:]
	}
	_, size := utf8.DecodeRune(data)
	return string(data[:size])
}
