package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNoticeKinds: NoticeKinds has every constant of its type, in the order of their declarations.
func TestNoticeKinds(t *testing.T) {
	t.Parallel()
	f, err := parser.ParseFile(token.NewFileSet(), "plan.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var want []NoticeKind
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "NoticeKind" {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, NoticeKind(word))
		}
		return true
	})
	if diff := cmp.Diff(want, NoticeKinds); diff != "" {
		t.Errorf("NoticeKinds (-want +got):\n%s", diff)
	}
}
