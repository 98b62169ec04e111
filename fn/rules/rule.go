package rules

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	kversion "k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/crossplane/function-sdk-go/errors"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
)

// maxRange is the longest list that lists.range may make in a rule. It makes it
// at once, whatever the limit on what a rule may cost.
const maxRange = 1000

// rule is a rule that was compiled.
type rule struct {
	name    string
	message string

	holds cel.Program
	// says is nil for a rule without messageExpression.
	says cel.Program
}

// language is what rules are written in: CEL with the variables.
type language struct {
	*variables

	env *cel.Env
}

// loadLanguage makes the language once: that is as much work as some hundred
// rules.
var loadLanguage = sync.OnceValues(func() (*language, error) {
	a, err := loadAPIs()
	if err != nil {
		return nil, err
	}

	l := &language{variables: a.variables()}
	always := environment.VersionedOptions{IntroducedVersion: kversion.MajorMinor(1, 0)}

	for _, v := range []*variable{l.claim, l.namespace, l.pool, l.old} {
		always.EnvOptions = append(always.EnvOptions, cel.Variable(v.name, v.decl.CelType()))
		always.DeclTypes = append(always.DeclTypes, v.decl)
	}

	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(always)
	if err != nil {
		return nil, errors.Wrap(err, "cannot declare what rules can name")
	}

	// Rules are configuration: they may use every library there is.
	l.env = set.StoredExpressionsEnv()

	return l, nil
})

// compile compiles a rule, and says whether it is about the namespace.
func (l *language) compile(r inputv1alpha1.Rule) (compiled rule, namespace bool, problems []string) {
	compiled = rule{name: r.Name, message: r.Message}

	compile := func(field, text string, gives *cel.Type) cel.Program {
		if text == "" {
			return nil
		}

		p, about, wrong := l.expression(text, gives)
		for _, w := range wrong {
			problems = append(problems, fmt.Sprintf("rule %q: %s: %s", r.Name, field, w))
		}

		namespace = namespace || about

		return p
	}

	compiled.holds = compile("expression", r.Expression, cel.BoolType)
	compiled.says = compile("messageExpression", r.MessageExpression, cel.StringType)

	return compiled, namespace, problems
}

// expression compiles an expression that must give a certain type.
func (l *language) expression(text string, gives *cel.Type) (p cel.Program, namespace bool, problems []string) {
	checked, issues := l.env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			problems = append(problems, located(e.Location, e.Message))
		}

		return nil, false, problems
	}

	if got := checked.OutputType(); !got.IsExactType(gives) {
		return nil, false, []string{fmt.Sprintf("it gives %s, not %s", got, gives)}
	}

	problems = checkRanges(checked.NativeRep())
	if len(problems) > 0 {
		return nil, false, problems
	}

	// A variable of a macro that is called the same counts too. The worst of it
	// is that the namespace is read for nothing.
	for _, r := range checked.NativeRep().ReferenceMap() {
		namespace = namespace || r.Name == nameNamespace
	}

	p, err := l.env.Program(checked, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return nil, false, []string{err.Error()}
	}

	return p, namespace, nil
}

// checkRanges finds calls of lists.range that may make a list of any length.
func checkRanges(checked *ast.AST) (problems []string) {
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "lists.range" {
			return
		}

		for _, arg := range e.AsCall().Args() {
			if n, ok := literal(arg); ok && n <= maxRange {
				continue
			}

			at := checked.SourceInfo().GetStartLocation(e.ID())
			problems = append(problems, located(at, fmt.Sprintf("lists.range takes a plain number of at most %d here", maxRange)))
		}
	}))

	return problems
}

// located puts a problem at its line and column, as CEL counts them.
func located(at common.Location, problem string) string {
	if at.Line() < 1 {
		return problem
	}

	return fmt.Sprintf("%d:%d: %s", at.Line(), at.Column()+1, problem)
}

func literal(e ast.Expr) (types.Int, bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}

	n, ok := e.AsLiteral().(types.Int)

	return n, ok
}
