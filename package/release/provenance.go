package release

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/cistern-dev/cistern/package/build"
)

const (
	slsaType = "https://slsa.dev/provenance/v1"
	// buildType and builder name what the documentation of releases describes.
	buildType = build.Source + "/blob/main/docs/releases.md#provenance"
	builder   = build.Source + "/blob/main/docs/releases.md#make-a-release"
)

// provenance returns a statement about an index and its images: from which commit, with
// which version of Go and which settings they were built. It names neither machine nor
// time, so that everybody who builds the commit can make the same one.
func provenance(idx v1.ImageIndex, images []architecture, o Options) ([]byte, error) {
	subject, err := subjects(idx, images, o)
	if err != nil {
		return nil, err
	}

	definition, err := definition(images, o)
	if err != nil {
		return nil, err
	}

	predicate, err := toStruct(&slsa.Provenance{
		BuildDefinition: definition,
		RunDetails:      &slsa.RunDetails{Builder: &slsa.Builder{Id: builder}},
	})
	if err != nil {
		return nil, err
	}

	statement := &intoto.Statement{Type: intoto.StatementTypeUri, Subject: subject, PredicateType: slsaType, Predicate: predicate}
	if err := statement.Validate(); err != nil {
		return nil, fmt.Errorf("cannot state the provenance: %w", err)
	}

	b, err := protojson.Marshal(statement)
	if err != nil {
		return nil, fmt.Errorf("cannot write the provenance: %w", err)
	}

	// The space between protojson's tokens depends on the program.
	var canonical bytes.Buffer
	if err := json.Indent(&canonical, b, "", "  "); err != nil {
		return nil, fmt.Errorf("cannot write the provenance: %w", err)
	}

	return canonical.Bytes(), nil
}

// subjects returns the digests of an index and its images.
func subjects(idx v1.ImageIndex, images []architecture, o Options) ([]*intoto.ResourceDescriptor, error) {
	digest, err := idx.Digest()
	if err != nil {
		return nil, fmt.Errorf("cannot read the digest of an index: %w", err)
	}

	repository := o.repository(images[0].pkg.Name)
	all := []*intoto.ResourceDescriptor{{Name: repository, Digest: map[string]string{digest.Algorithm: digest.Hex}}}

	for _, a := range images {
		if digest, err = a.img.Digest(); err != nil {
			return nil, fmt.Errorf("cannot read the digest of an image: %w", err)
		}

		all = append(all, &intoto.ResourceDescriptor{
			Name: repository + "?platform=linux%2F" + a.name, Digest: map[string]string{digest.Algorithm: digest.Hex},
		})
	}

	return all, nil
}

// definition returns what a package is built from.
func definition(images []architecture, o Options) (*slsa.BuildDefinition, error) {
	settings := map[string]any{}

	for _, a := range images {
		if a.pkg.Program == "" {
			continue
		}

		info, err := buildinfo.ReadFile(a.pkg.Program)
		if err != nil {
			return nil, fmt.Errorf("cannot read what %q is built from: %w", a.pkg.Program, err)
		}

		of := map[string]any{"go": info.GoVersion, "package": info.Path}
		for _, s := range info.Settings {
			of[s.Key] = s.Value
		}

		settings["linux/"+a.name] = of
	}

	external, err := structpb.NewStruct(map[string]any{
		"package": images[0].pkg.Name, "version": o.Version, "registry": o.Registry,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot state parameters: %w", err)
	}

	internal, err := structpb.NewStruct(settings)
	if err != nil {
		return nil, fmt.Errorf("cannot state settings: %w", err)
	}

	return &slsa.BuildDefinition{
		BuildType:          buildType,
		ExternalParameters: external,
		InternalParameters: internal,
		ResolvedDependencies: []*intoto.ResourceDescriptor{
			{Uri: "git+" + build.Source, Digest: map[string]string{"gitCommit": o.Commit}},
		},
	}, nil
}

// toStruct returns a predicate as the structure that a statement holds.
func toStruct(p *slsa.Provenance) (*structpb.Struct, error) {
	b, err := protojson.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("cannot write the predicate: %w", err)
	}

	s := &structpb.Struct{}
	if err := protojson.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("cannot read the predicate: %w", err)
	}

	return s, nil
}
