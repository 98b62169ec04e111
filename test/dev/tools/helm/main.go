// Command helm prints the objects of a Helm chart, as `helm template` does, with nothing of
// Helm but its template engine: all of Helm takes minutes to compile. The objects are in the order
// in which Helm installs them.
//
//	helm [--namespace=NAMESPACE] [--set-json=KEY=VALUE]... NAME CHART
package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/strvals"
)

func main() {
	namespace := flag.String("namespace", "default", "namespace of the release")
	values := map[string]any{}

	flag.Func("set-json", "a value of the chart, `KEY=VALUE` with the value in JSON; may be repeated", func(s string) error {
		return strvals.ParseJSON(s, values)
	})
	flag.Parse()

	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}

	if err := render(flag.Arg(0), *namespace, flag.Arg(1), values); err != nil {
		fmt.Fprintln(os.Stderr, "helm:", err)
		os.Exit(1)
	}
}

// render prints the objects of the chart in a directory.
func render(name, namespace, dir string, values map[string]any) error {
	c, err := loader.Load(dir)
	if err != nil {
		return fmt.Errorf("cannot read the chart: %w", err)
	}

	release := chartutil.ReleaseOptions{Name: name, Namespace: namespace, Revision: 1, IsInstall: true}

	all, err := chartutil.ToRenderValues(c, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return fmt.Errorf("cannot complete the values: %w", err)
	}

	files, err := engine.Render(c, all)
	if err != nil {
		return fmt.Errorf("cannot render the templates: %w", err)
	}

	for file := range files {
		if strings.HasPrefix(path.Base(file), "_") || path.Base(file) == "NOTES.txt" {
			delete(files, file)
		}
	}

	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return fmt.Errorf("cannot read what the templates rendered: %w", err)
	}

	if len(hooks) > 0 {
		return fmt.Errorf("the chart has hooks, such as %s, which nothing here runs", hooks[0].Path)
	}

	for _, m := range manifests {
		fmt.Printf("---\n# Source: %s\n%s\n", m.Name, strings.TrimSpace(m.Content))
	}

	return nil
}
