package gitops

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kyaml "sigs.k8s.io/yaml"
)

const (
	// Keys of argocd-cm. Only the first has wildcards; the others end with the group and kind.
	customizations = "resource.customizations"
	healthOf       = "resource.customizations.health."
	differencesOf  = "resource.customizations.ignoreDifferences."
)

// States of Argo CD, as health checks return them.
const (
	healthy     = "Healthy"
	progressing = "Progressing"
	degraded    = "Degraded"
	suspended   = "Suspended"
)

// argoCD is what Argo CD reads of argocd-cm.yaml.
type argoCD struct {
	// checks are the programs of health checks by group and kind, such as apps.cozystack.io/Bucket.
	checks map[string]string
	// wildcards are those whose groups and kinds have wildcards.
	wildcards map[string]string
	// differences are the jq paths that are ignored, by group and kind.
	differences map[string][]string
}

// readArgoCD reads argocd-cm.yaml. It fails for a key that Argo CD does not know.
func readArgoCD(t *testing.T) argoCD {
	t.Helper()

	text, err := os.ReadFile("argocd-cm.yaml")
	if err != nil {
		t.Fatal(err)
	}

	m := &corev1.ConfigMap{}
	if err := kyaml.UnmarshalStrict(text, m); err != nil {
		t.Fatal(err)
	}

	a := argoCD{checks: map[string]string{}, wildcards: map[string]string{}, differences: map[string][]string{}}

	for key, value := range m.Data {
		if kind, ok := strings.CutPrefix(key, healthOf); ok {
			a.checks[strings.Replace(kind, "_", "/", 1)] = value
		} else if kind, ok := strings.CutPrefix(key, differencesOf); ok {
			d := struct {
				JQPathExpressions []string `json:"jqPathExpressions"`
			}{}
			if err := kyaml.UnmarshalStrict([]byte(value), &d); err != nil {
				t.Fatal(err)
			}

			a.differences[strings.Replace(kind, "_", "/", 1)] = d.JQPathExpressions
		} else if key == customizations {
			checks := map[string]map[string]string{}
			if err := kyaml.UnmarshalStrict([]byte(value), &checks); err != nil {
				t.Fatal(err)
			}

			for kind, c := range checks {
				if got := slices.Collect(maps.Keys(c)); !slices.Equal(got, []string{"health.lua"}) {
					t.Fatalf("%s: want health.lua, got %q", kind, got)
				}

				a.wildcards[kind] = c["health.lua"]
			}
		} else {
			t.Fatalf("Argo CD does not know the key %q", key)
		}
	}

	return a
}

// check returns the health check of an object's kind. Argo CD prefers a kind to wildcards, where * is any text.
func (a argoCD) check(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()

	gvk := o.GroupVersionKind()
	kind := gvk.Group + "/" + gvk.Kind

	if program, ok := a.checks[kind]; ok {
		return program
	}

	for wildcard, program := range a.wildcards {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(wildcard), `\*`, ".*") + "$"
		if regexp.MustCompile(pattern).MatchString(kind) {
			return program
		}
	}

	t.Fatalf("no health check is for %s", kind)

	return ""
}

// health runs the health check of an object as Argo CD does: with the libraries that it opens, at most for a second.
func (a argoCD) health(t *testing.T, o *unstructured.Unstructured) (status, message string) {
	t.Helper()

	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()

	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()

	l.SetContext(ctx)
	l.SetGlobal("obj", luaValue(l, o.Object))

	if err := l.DoString(a.check(t, o)); err != nil {
		t.Fatal(err)
	}

	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the health check returned %s, not a table", l.Get(-1))
	}

	status, message = lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))
	if !slices.Contains([]string{healthy, progressing, degraded, suspended}, status) || message == "" {
		t.Fatalf("the health check returned the status %q with the message %q", status, message)
	}

	return status, message
}

// luaValue returns a value of a decoded object in Lua.
func luaValue(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(luaValue(l, item))
		}

		return table
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, luaValue(l, item))
		}

		return table
	default:
		return lua.LNil
	}
}
