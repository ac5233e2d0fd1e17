package roster

import (
	"io"
	"testing"

	"gopkg.in/yaml.v3"
)

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("in the middle of reading") }

// A panic in yaml.v3 becomes a problem with a position.
func TestPanicIsProblem(t *testing.T) {
	t.Parallel()
	lines := &lineReader{data: []byte("users:\n  - email: ada@example.com\n")}
	dec := yaml.NewDecoder(io.MultiReader(lines, panicking{}))
	err := decodeNode(dec, new(yaml.Node))
	if err == nil {
		t.Fatal("the panic gave no error")
	}
	p := syntaxProblem("users.yaml", lines, err)
	if p.Text != errPanic.Error() || p.At.File != "users.yaml" || p.At.Line != 2 || p.At.Column != 3 {
		t.Errorf("the panic became %v", p)
	}
}
