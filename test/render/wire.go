// Package render runs Crossplane's own composition code for one claim at a time, without a cluster. It
// calls the command "internal render" of Crossplane's core.
package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Numbers of the protocol's fields. They are repeated here, because importing their package would add all
// of Crossplane's core to this module.
// Source: https://github.com/crossplane/crossplane, proto/render/v1alpha1/render.proto of v2.4.
const (
	fieldComposite = 2 // of RenderRequest and RenderResponse

	inputResource    = 1
	inputComposition = 2
	inputFunctions   = 3
	inputObserved    = 4
	inputRequired    = 5
	inputCredentials = 6
	inputDefinition  = 8

	functionName    = 1
	functionAddress = 2

	outputResource = 1
	outputComposed = 2
	outputDeleted  = 3
)

// Input is the state of the cluster before Crossplane reconciles a claim.
type Input struct {
	// Claim is the composite resource.
	Claim map[string]any
	// Composition and definition of the claim.
	Composition, Definition map[string]any
	// Functions are the addresses of functions, which serve without TLS, by name.
	Functions map[string]string
	// Observed are the composed resources that exist.
	Observed []map[string]any
	// Others are all other resources in the cluster.
	Others []map[string]any
	// Secrets are the Secrets in the cluster, such as connection Secrets.
	Secrets []map[string]any
}

// Output is the result of reconciling a claim.
type Output struct {
	// Claim is the claim with its new status.
	Claim map[string]any
	// Composed are the resources that Crossplane applies, Deleted those that it deletes.
	Composed, Deleted []map[string]any
}

// Render reconciles a claim once with Crossplane's program.
func Render(ctx context.Context, program string, in Input) (*Output, error) {
	request, err := in.encode()
	if err != nil {
		return nil, err
	}

	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, program, "internal", "render")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &stdout, &stderr

	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cannot render: %w: %s", err, strings.TrimSpace(stderr.String()))
	}

	return decode(stdout.Bytes())
}

func (in Input) encode() ([]byte, error) {
	var (
		composite []byte
		errs      []error
	)

	add := func(number protowire.Number, objects ...map[string]any) {
		for _, o := range objects {
			s, err := structpb.NewStruct(o)
			errs = append(errs, err)

			b, err := proto.Marshal(s)
			errs = append(errs, err)

			composite = appendMessage(composite, number, b)
		}
	}

	add(inputResource, in.Claim)
	add(inputComposition, in.Composition)

	for name, address := range in.Functions {
		f := appendMessage(nil, functionName, []byte(name))
		composite = appendMessage(composite, inputFunctions, appendMessage(f, functionAddress, []byte(address)))
	}

	add(inputObserved, in.Observed...)
	add(inputRequired, in.Others...)
	add(inputCredentials, in.Secrets...)
	add(inputDefinition, in.Definition)

	return appendMessage(nil, fieldComposite, composite), errors.Join(errs...)
}

// appendMessage appends a length-delimited field: a message or a string.
func appendMessage(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

func decode(response []byte) (*Output, error) {
	out := &Output{}

	err := eachMessage(response, func(number protowire.Number, composite []byte) error {
		if number != fieldComposite {
			return nil
		}

		return eachMessage(composite, func(number protowire.Number, content []byte) error {
			if number != outputResource && number != outputComposed && number != outputDeleted {
				return nil
			}

			s := &structpb.Struct{}
			if err := proto.Unmarshal(content, s); err != nil {
				return err
			}

			switch number {
			case outputResource:
				out.Claim = s.AsMap()
			case outputComposed:
				out.Composed = append(out.Composed, s.AsMap())
			case outputDeleted:
				out.Deleted = append(out.Deleted, s.AsMap())
			}

			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot decode the response: %w", err)
	}

	return out, nil
}

// eachMessage calls do with the number and the content of each length-delimited field of a message.
func eachMessage(b []byte, do func(number protowire.Number, content []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}

		b = b[n:]

		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
				return protowire.ParseError(n)
			}

			b = b[n:]

			continue
		}

		content, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return protowire.ParseError(n)
		}

		if err := do(number, content); err != nil {
			return err
		}

		b = b[n:]
	}

	return nil
}
