package roster

import (
	"io"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("in the middle of reading") }

// A panic in yaml.v3 is a problem with a place.
func TestPanicIsProblem(t *testing.T) {
	t.Parallel()
	dec := yaml.NewDecoder(io.MultiReader(strings.NewReader("users:\n  - email: ada@example.com\n"), panicking{}))
	err := decodeNode(dec, new(yaml.Node))
	if err == nil {
		t.Fatal("the panic gave no error")
	}
	p := syntaxProblem("users.yaml", nil, dec, err)
	if p.Text != errPanic.Error() || p.At.File != "users.yaml" || p.At.Line < 1 || p.At.Column < 1 {
		t.Errorf("the panic became %v", p)
	}
}
