package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/lazyregexp"
)

// parseFile returns the root node of a file; nil if the file is empty. It checks the encoding, and that the aliases
// are safe to follow. If only the beginning of the file can be read, parseFile returns both a node and a problem.
func parseFile(file string, data []byte) (*yaml.Node, *Problem) {
	data, problem := checkEncoding(file, data)
	if problem != nil {
		return nil, problem
	}
	root, problem := parseDocument(file, data)
	if root != nil {
		if aliasProblem := checkAliases(file, root, len(data)); aliasProblem != nil {
			return nil, aliasProblem
		}
	}
	return root, problem
}

// parseDocument returns the root node of a file that has one YAML document; nil if the file is empty.
// It does not expand aliases. If there is a second document, it returns the first document and a
// problem.
func parseDocument(file string, data []byte) (*yaml.Node, *Problem) {
	lines := &lineReader{data: data}
	dec := yaml.NewDecoder(lines)
	var document yaml.Node
	err := decodeNode(dec, &document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		var second yaml.Node
		if err = decodeNode(dec, &second); err == nil {
			at := Position{file, second.Line, second.Column}
			return document.Content[0], &Problem{at, `a second document begins here: a roster is one document; ` +
				`remove the line "---" or make it two files`}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(file, lines, err)
	}
	return document.Content[0], nil
}

// lineReader is an [io.Reader] that returns at most one line for each call. Its offset therefore
// shows at which line yaml.v3 stopped with an error. The errors of yaml.v3 often name only the line
// where the enclosing list or mapping begins.
type lineReader struct {
	data   []byte
	offset int
}

func (r *lineReader) Read(p []byte) (int, error) {
	rest := r.data[r.offset:]
	if len(rest) == 0 {
		return 0, io.EOF
	}
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end+1]
	}
	n := copy(p, rest)
	r.offset += n
	return n, nil
}

// lastLine returns the number of the last line that was read, at least 1.
func (r *lineReader) lastLine() int {
	return bytes.Count(r.data[:max(r.offset-1, 0)], []byte("\n")) + 1
}

// textFrom returns the text from the beginning of a line to the end of the file.
func (r *lineReader) textFrom(line int) []byte {
	text := r.data
	for range line - 1 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text
}

// position returns the position of the first character of a line that is not a space.
func (r *lineReader) position(file string, line int) Position {
	text := r.textFrom(line)
	return Position{file, line, len(text) - len(bytes.TrimLeft(text, " ")) + 1}
}

// lastPositionOf returns the position of the last occurrence of text among the lines that were read.
func (r *lineReader) lastPositionOf(file, text string) Position {
	before := r.data[:max(bytes.LastIndex(r.data[:r.offset], []byte(text)), 0)]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return Position{file, bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[lineStart:]) + 1}
}

// errPanic is the error for a file that makes yaml.v3 panic.
var errPanic = errors.New("the YAML parser cannot read this: write it in a simpler way")

// decodeNode calls dec.Decode. If that panics, decodeNode returns errPanic.
func decodeNode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return dec.Decode(n)
}

// parserErrors maps errors of yaml.v3's parser to problems in plain words. These errors name the line
// where the enclosing list or mapping begins. The line where reading stopped is more useful.
var parserErrors = map[string]string{
	unclosedList:                          `a "," or "]" is missing in this line or above it`,
	unclosedMapping:                       `a "," or "}" is missing in this line or above it`,
	"did not find expected '-' indicator": `this line is not aligned with the list above`,
	noDocumentStart:                       `this line is not aligned with the lines above`,
	"did not find expected key":           `a key was expected here: check the indentation and the quotes`,
	"did not find expected node content":  `a value was expected here`,
	"found undefined tag handle":          `a text that begins with "!" needs quotes`,
}

// scannerErrors maps errors of yaml.v3's scanner to problems in plain words. These errors name the
// line where the wrong text begins, or no line if it is the first.
var scannerErrors = map[string]string{
	"block sequence entries are not allowed in this context": `a list cannot begin here: put the "-" on a ` +
		`line of its own`,
	"could not find expected ':'": `a ":" is missing after this key, or the ` +
		`line is not indented far enough`,
	"did not find expected alphabetic or numeric character": `a text that begins with "*" or "&" needs quotes`,
	"did not find expected comment or line break": `nothing may follow on this line: a text ` +
		`that begins with "|" or ">" needs quotes`,
	"exceeded max depth of 10000":                                  `lists or mappings are nested too deep here`,
	"found a tab character that violates indentation":              tabProblem,
	"found a tab character where an indentation space is expected": tabProblem,
	noToken:                               "a text that begins with \"%\", \"@\" or \"`\" needs quotes",
	"found unexpected document indicator": `the quotes that open here are not closed`,
	"found unexpected end of stream":      `the quotes that open here are not closed`,
	"found unknown directive name":        `a line that begins with "%" is not allowed: remove it`,
	"found unknown escape character": `this backslash begins no escape that YAML knows: write it ` +
		`twice, or use single quotes`,
	"mapping values are not allowed in this context": `unexpected ":" in this line: check the indentation, and ` +
		`put quotes around a text with ": " in it`,
}

const (
	noDocumentStart = "did not find expected <document start>"
	unclosedList    = "did not find expected ',' or ']'"
	unclosedMapping = "did not find expected ',' or '}'"
	noToken         = "found character that cannot start any token"
	tabProblem      = "tab in the indentation: use spaces"
)

var (
	yamlErrorRegexp   = lazyregexp.New(`^(?:yaml: )?(?:line ([0-9]+): )?(.*)`)
	anchorErrorRegexp = lazyregexp.New(`^unknown anchor '(.*)' referenced$`)
	tabRegexp         = lazyregexp.New(`^[ -]*\t`)
)

// syntaxProblem returns the problem for err, the error with which yaml.v3 stopped reading lines.
func syntaxProblem(file string, lines *lineReader, err error) *Problem {
	last := lines.lastLine()
	if errors.Is(err, errPanic) {
		return &Problem{lines.position(file, last), err.Error()}
	}
	parts := yamlErrorRegexp().FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(parts[1]) // 0 if there is none
	reason := parts[2]
	if match := anchorErrorRegexp().FindStringSubmatch(reason); match != nil {
		alias := "*" + match[1]
		return &Problem{lines.lastPositionOf(file, alias),
			fmt.Sprintf(`the alias %s names no anchor above it: a text that begins with "*" needs quotes`, quote(alias))}
	}
	text, isParserError := parserErrors[reason]
	if isParserError {
		begin := line + 1 // the parser counts lines from 0
		switch reason {
		case noDocumentStart: // there is no enclosing list or mapping
			last = begin
		case unclosedList, unclosedMapping:
			if begin < last {
				text += fmt.Sprintf(", in the list or mapping that begins at line %d", begin)
			}
		}
		return &Problem{lines.position(file, last), text}
	}
	at := lines.position(file, max(line, 1))
	text, isScannerError := scannerErrors[reason]
	switch {
	case !isScannerError:
		text = "this is not valid YAML: " + truncate(reason)
	case text == tabProblem, reason == noToken && tabRegexp().Match(lines.textFrom(at.Line)):
		return &Problem{lines.lastPositionOf(file, "\t"), tabProblem}
	}
	return &Problem{at, text}
}
