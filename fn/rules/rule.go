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

// maxRange is the longest list that lists.range may create in a rule. CEL creates the whole list before
// it applies the cost limit.
const maxRange = 1000

// rule is a compiled rule.
type rule struct {
	name    string
	message string

	holds cel.Program
	// text is nil for a rule without messageExpression.
	text cel.Program
}

// language is the language of rules: CEL with the variables that rules can name.
type language struct {
	*variables

	env *cel.Env
}

// loadLanguage creates the language once, because that takes as long as compiling some hundred rules.
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

	// Stored expressions may use every CEL library of this Kubernetes version.
	l.env = set.StoredExpressionsEnv()

	return l, nil
})

// compile compiles a rule, and reports whether it needs the namespace. The problems name the field and
// the position.
func (l *language) compile(r inputv1alpha1.Rule) (compiled rule, namespace bool, problems []string) {
	compiled = rule{name: r.Name, message: r.Message}

	compile := func(field, text string, result *cel.Type) cel.Program {
		if text == "" {
			return nil
		}

		p, needsNamespace, wrong := l.expression(text, result)
		for _, w := range wrong {
			problems = append(problems, fmt.Sprintf("rule %q: %s: %s", r.Name, field, w))
		}

		namespace = namespace || needsNamespace

		return p
	}

	compiled.holds = compile("expression", r.Expression, cel.BoolType)
	compiled.text = compile("messageExpression", r.MessageExpression, cel.StringType)

	return compiled, namespace, problems
}

// expression compiles an expression, which must have a result of the given type, and reports whether
// it needs the namespace.
func (l *language) expression(text string, result *cel.Type) (p cel.Program, namespace bool, problems []string) {
	checked, issues := l.env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			problems = append(problems, located(e.Location, e.Message))
		}

		return nil, false, problems
	}

	if got := checked.OutputType(); !got.IsExactType(result) {
		return nil, false, []string{fmt.Sprintf("the result is %s, not %s", got, result)}
	}

	problems = checkRanges(checked.NativeRep())
	if len(problems) > 0 {
		return nil, false, problems
	}

	// A macro's variable of the same name counts too; then the namespace is read although no rule
	// needs it.
	for _, r := range checked.NativeRep().ReferenceMap() {
		namespace = namespace || r.Name == nameNamespace
	}

	p, err := l.env.Program(checked, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return nil, false, []string{err.Error()}
	}

	return p, namespace, nil
}

// checkRanges returns the calls of lists.range whose length is not a literal of at most maxRange.
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
			problems = append(problems, located(at, fmt.Sprintf("the length of lists.range must be a literal number of at most %d", maxRange)))
		}
	}))

	return problems
}

// located prefixes a problem with its line and column, in CEL's own count.
func located(at common.Location, problem string) string {
	if at.Line() < 1 {
		return problem
	}

	return fmt.Sprintf("%d:%d: %s", at.Line(), at.Column()+1, problem)
}

// literal returns the value of an integer literal, and reports whether the expression is one.
func literal(e ast.Expr) (types.Int, bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}

	n, ok := e.AsLiteral().(types.Int)

	return n, ok
}
