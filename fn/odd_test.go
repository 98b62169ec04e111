package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
)

var oddCases = flag.String("odd", "rotated*", "which cases of testdata TestOddObjects changes; * for all, which takes a minute")

// oddValues are values of every kind.
func oddValues() []*structpb.Value {
	return []*structpb.Value{
		structpb.NewNullValue(), structpb.NewBoolValue(true), structpb.NewNumberValue(-1.5), structpb.NewStringValue(""),
		structpb.NewStringValue("/*\xef\xbf\xbf"), structpb.NewListValue(&structpb.ListValue{}),
		structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNullValue(), structpb.NewStringValue("x")}}),
		structpb.NewStructValue(&structpb.Struct{}),
		structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"x": structpb.NewNullValue()}}),
	}
}

// valuesOf returns all values in an object, by path.
func valuesOf(path string, v *structpb.Value, all map[string]*structpb.Value) {
	all[path] = v

	for name, field := range v.GetStructValue().GetFields() {
		valuesOf(path+"."+name, field, all)
	}

	for i, item := range v.GetListValue().GetValues() {
		valuesOf(fmt.Sprintf("%s[%d]", path, i), item, all)
	}
}

// objectsOf returns the values in all objects of a request, by path.
func objectsOf(req *fnv1.RunFunctionRequest) map[string]*structpb.Value {
	all := make(map[string]*structpb.Value)

	add := func(path string, r *fnv1.Resource) {
		for name, field := range r.GetResource().GetFields() {
			valuesOf(path+"."+name, field, all)
		}
	}

	add("composite", req.GetObserved().GetComposite())

	for name, r := range req.GetObserved().GetResources() {
		add(name, r)
	}

	for name, found := range req.GetRequiredResources() {
		for i, r := range found.GetItems() {
			add(fmt.Sprintf("required %s %d", name, i), r)
		}
	}

	return all
}

// TestOddObjects replaces each value of each object in turn by values of every kind. It expects an
// answer that can be sent: tenants write some of these objects, and a function that ends, or whose
// answer cannot be sent, serves no other tenant either.
func TestOddObjects(t *testing.T) {
	f := NewFunction(logging.NewNopLogger())

	cases, err := filepath.Glob("testdata/" + *oddCases + "/request.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}

	for _, path := range cases {
		req := readRequest(t, path)
		values := objectsOf(req)

		for _, at := range slices.Sorted(maps.Keys(values)) {
			v := values[at]
			kind := v.GetKind()

			for _, odd := range oddValues() {
				v.Kind = odd.GetKind()

				runOdd(t, f, req, fmt.Sprintf("%s: %s is %v", path, at, odd))
			}

			v.Kind = kind
		}
	}
}

func runOdd(t *testing.T, f *Function, req *fnv1.RunFunctionRequest, what string) {
	t.Helper()

	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: RunFunction(...) panics: %v", what, r)
		}
	}()

	rsp, err := f.RunFunction(context.Background(), req)
	if err == nil {
		_, err = proto.Marshal(rsp)
	}

	if err != nil {
		t.Errorf("%s: want an answer that can be sent, got %v", what, err)
	}
}
