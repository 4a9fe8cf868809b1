// What a Kubernetes apiserver finds wrong with objects, without a cluster: with Pods, and with those of custom resources.
//
//	kubernetes-judge CRD.yaml...    each line of the input is a JSON object; each line of the output is the JSON list of
//	                                what is wrong with it, in words; [] for nothing.
//
// An unknown field is an error, as with `fieldValidation: Strict`.
//
//	kubernetes-judge environment    each line of the input is the JSON list of a container's variables; the line of the
//	                                output is the JSON object of the variables that its process has (kubelet's
//	                                makeEnvironmentVariables).
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	coreinstall "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// judge gives what is wrong with an object.
type judge func(object *unstructured.Unstructured, text []byte) []string

var strictFields = structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}

func messages[E error](found []E) []string {
	words := make([]string, 0, len(found))
	for _, one := range found {
		words = append(words, one.Error())
	}
	return words
}

// customJudge does what customresource_handler.go does with an object that is created.
func customJudge(definition *apiextensions.CustomResourceDefinition, version string) (judge, error) {
	found, err := apiextensions.GetSchemaForVersion(definition, version)
	if err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(found.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(found.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	kind := schema.GroupVersionKind{Group: definition.Spec.Group, Version: version, Kind: definition.Spec.Names.Kind}
	strategy := customresource.NewStrategy(
		nil, definition.Spec.Scope == apiextensions.NamespaceScoped, kind, validator, nil, structural, nil, nil, nil,
	)
	return func(object *unstructured.Unstructured, _ []byte) []string {
		options := objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true}
		_, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object.Object, options)
		if err != nil {
			return []string{err.Error()}
		}
		unknown = append(unknown, pruning.PruneWithOptions(object.Object, structural, true, strictFields)...)
		defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, structural)
		defaulting.Default(object.Object, structural)
		problems := []string{}
		for _, path := range unknown {
			problems = append(problems, fmt.Sprintf("unknown field %q", path))
		}
		return append(problems, messages(strategy.Validate(context.Background(), object))...)
	}, nil
}

func podJudge() judge {
	scheme := runtime.NewScheme()
	coreinstall.Install(scheme)
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
	return func(_ *unstructured.Unstructured, text []byte) []string {
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			return []string{err.Error()}
		}
		pod := object.(*core.Pod)
		options := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
		options.ResourceIsPod = true
		return messages(corevalidation.ValidatePodCreate(pod, options))
	}
}

func customJudges(path string, judges map[schema.GroupVersionKind]judge) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	scheme := runtime.NewScheme()
	install.Install(scheme)
	documents := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if !bytes.Contains(text, []byte("\nkind: CustomResourceDefinition\n")) {
			continue
		}
		published := &apiextensionsv1.CustomResourceDefinition{}
		if err := utilyaml.Unmarshal(text, published); err != nil {
			return err
		}
		definition := &apiextensions.CustomResourceDefinition{}
		if err := scheme.Convert(published, definition, nil); err != nil {
			return err
		}
		for _, version := range definition.Spec.Versions {
			found, err := customJudge(definition, version.Name)
			if err != nil {
				return fmt.Errorf("%s: %w", definition.Name, err)
			}
			kind := definition.Spec.Names.Kind
			judges[schema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: kind}] = found
		}
	}
}

func environment(line []byte) (map[string]string, error) {
	var variables []struct{ Name, Value string }
	if err := json.Unmarshal(line, &variables); err != nil {
		return nil, err
	}
	found := map[string]string{}
	mapping := expansion.MappingFuncFor(found)
	for _, one := range variables {
		found[one.Name] = expansion.Expand(one.Value, mapping)
	}
	return found, nil
}

func run() error {
	if len(os.Args) == 2 && os.Args[1] == "environment" {
		return answer(func(line []byte) (any, error) { return environment(line) })
	}
	judges := map[schema.GroupVersionKind]judge{{Version: "v1", Kind: "Pod"}: podJudge()}
	for _, path := range os.Args[1:] {
		if err := customJudges(path, judges); err != nil {
			return err
		}
	}
	return answer(func(line []byte) (any, error) {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(line); err != nil {
			return nil, err
		}
		one := judges[object.GroupVersionKind()]
		if one == nil {
			return nil, fmt.Errorf("%s is of none of the kinds that are judged", object.GroupVersionKind())
		}
		return one(object, line), nil
	})
}

// answer writes what is said of each line of the input.
func answer(of func(line []byte) (any, error)) error {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, end := input.ReadBytes('\n')
		if len(line) > 0 {
			said, err := of(line)
			if err != nil {
				return err
			}
			text, err := json.Marshal(said)
			if err != nil {
				return err
			}
			fmt.Println(string(text))
		}
		if end != nil {
			return nil
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
