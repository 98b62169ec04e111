package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/package/configuration"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// webhooks is an address at which a provider serves its admission webhooks, and the arguments
// that make it do so.
type webhooks struct {
	address string
	args    []string
}

// newWebhooks issues the certificate of a provider's webhooks.
func (e *Env) newWebhooks() (webhooks, error) {
	address, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return webhooks{}, err
	}

	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return webhooks{}, fmt.Errorf("cannot use address %q: %w", address, err)
	}

	pair, err := e.ca.Server("webhooks", "127.0.0.1")
	if err != nil {
		return webhooks{}, err
	}

	dir, err := os.MkdirTemp(e.dir, "webhooks-")
	if err != nil {
		return webhooks{}, fmt.Errorf("cannot create a directory: %w", err)
	}

	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), pair.Cert, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), pair.Key, 0o600)); err != nil {
		return webhooks{}, fmt.Errorf("cannot write a certificate: %w", err)
	}

	return webhooks{address: address, args: []string{"--tls-server-certs-dir=" + dir, "--webhook-port=" + port}}, nil
}

// configurations returns the webhook configurations of the provider's package, for an address.
// Crossplane configures a Service instead.
func (e *Env) configurations(address string) ([]client.Object, error) {
	repo, err := tools.RepoDir()
	if err != nil {
		return nil, err
	}

	text, err := os.ReadFile(filepath.Join(repo, "package/provider/webhooks.yaml"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the webhook configurations: %w", err)
	}

	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}

	d := kyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	if err := errors.Join(d.Decode(mutating), d.Decode(validating)); err != nil {
		return nil, fmt.Errorf("cannot decode the webhook configurations: %w", err)
	}

	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot decode the webhook configurations: there are more than two: %w", err)
	}

	at := func(c *admissionregistrationv1.WebhookClientConfig) {
		*c = admissionregistrationv1.WebhookClientConfig{URL: new("https://" + address + *c.Service.Path), CABundle: e.ca.Cert}
	}

	for i := range mutating.Webhooks {
		at(&mutating.Webhooks[i].ClientConfig)
	}

	for i := range validating.Webhooks {
		at(&validating.Webhooks[i].ClientConfig)
	}

	return []client.Object{mutating, validating}, nil
}

// installClaims installs the CRD of claims, unless it is installed already.
func (e *Env) installClaims(ctx context.Context) error {
	crd, err := claims()
	if err != nil {
		return err
	}

	if err := client.IgnoreAlreadyExists(e.Kube.Create(ctx, crd)); err != nil {
		return fmt.Errorf("cannot create CRD %q: %w", crd.Name, err)
	}

	return await.Until(ctx, "the CRD of claims to be established", func() error {
		if err := e.Kube.Get(ctx, client.ObjectKeyFromObject(crd), crd); err != nil || !established(*crd) {
			return errors.Join(err, errors.New("it is not"))
		}

		return nil
	})
}

// claims returns the CRD of claims as Crossplane v2.4 derives it from its definition: with the
// rules of spec, with spec.crossplane added to its fields, and with spec required.
func claims() (*apiextensionsv1.CustomResourceDefinition, error) {
	var definition struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Group    string                                            `json:"group"`
			Names    apiextensionsv1.CustomResourceDefinitionNames     `json:"names"`
			Versions []apiextensionsv1.CustomResourceDefinitionVersion `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(configuration.Definition), &definition); err != nil {
		return nil, fmt.Errorf("cannot decode the definition of claims: %w", err)
	}

	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: definition.Metadata.Name},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: definition.Spec.Group, Names: definition.Spec.Names,
			Scope: apiextensionsv1.NamespaceScoped, Versions: definition.Spec.Versions,
		},
	}

	fields := map[string]apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal([]byte(crossplaneFields), &fields); err != nil {
		return nil, fmt.Errorf("cannot decode Crossplane's fields of claims: %w", err)
	}

	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		v.Storage = true
		v.Subresources = &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}

		root := v.Schema.OpenAPIV3Schema
		root.Required = []string{"spec"}
		root.Properties["spec"].Properties["crossplane"] = apiextensionsv1.JSONSchemaProps{Type: "object", Properties: fields}
	}

	return crd, nil
}

// crossplaneFields is the schema of spec.crossplane of namespaced composite resources.
const crossplaneFields = `{
	"compositionRef": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
	"compositionRevisionRef": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
	"compositionSelector": {"type": "object", "required": ["matchLabels"],
		"properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}}},
	"compositionRevisionSelector": {"type": "object", "required": ["matchLabels"],
		"properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}}},
	"compositionUpdatePolicy": {"type": "string", "enum": ["Automatic", "Manual"]},
	"resourceRefs": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "object", "required": ["apiVersion", "kind"],
		"properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "name": {"type": "string"}}}}
}`
