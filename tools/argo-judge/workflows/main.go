// What Argo Workflows itself finds wrong with objects, without a cluster.
//
// It is built in a copy of Argo's own module, once for each release, with the versions that the release chose. `validate`
// (release_N.go.txt) has what differs between them.
//
//	argo-judge objects    each line of the input is a JSON list of objects of one namespace: WorkflowTemplates,
//	                      CronWorkflows and Workflows, which find each other's templates by name. A WorkflowTemplate is
//	                      judged twice: by itself, and in a Workflow of it that is submitted with its own arguments.
//	argo-judge crons      each line of the input is a JSON text, the schedule of a CronWorkflow, or a pair of such a text
//	                      and a timezone. It is judged as the controller takes it: before it is stored without the
//	                      timezone (validate.CronWorkflow), and then with it (CronWorkflowSpec.GetSchedulesWithTimezone).
//
// Each line of the output is the JSON list of what is wrong with the line of the input, in words; [] for nothing.
//
//	argo-judge filled     each line of the input is a JSON pair: a WorkflowTemplate, and the name of one of its templates
//	                      with a container. The line of the output is that template after all that Argo puts into it
//	                      before it makes a pod, with the workflow's own arguments, and "0" for every input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // as the controller has it, whatever this machine knows

	"github.com/robfig/cron/v3"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-workflows/v4/errors"
	"github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/workflow/common"
)

type templates map[string]*v1alpha1.WorkflowTemplate

func (t templates) find(name string) (*v1alpha1.WorkflowTemplate, error) {
	if found, there := t[name]; there {
		return found, nil
	}
	return nil, errors.Errorf(errors.CodeNotFound, "workflow template %q is not there", name)
}

type object struct {
	kind, name string
	text       []byte
}

func readObjects(line []byte) ([]object, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(line, &texts); err != nil {
		return nil, err
	}
	found := make([]object, len(texts))
	for i, text := range texts {
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return nil, err
		}
		found[i] = object{head.Kind, head.Metadata.Name, text}
	}
	return found, nil
}

func judgeObjects(ctx context.Context, line []byte) (any, error) {
	objects, err := readObjects(line)
	if err != nil {
		return nil, err
	}
	problems := []string{}
	note := func(one object, err error) {
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s %s: %s", one.kind, one.name, err))
		}
	}
	known := templates{}
	for _, one := range objects {
		if one.kind != "WorkflowTemplate" {
			continue
		}
		template := &v1alpha1.WorkflowTemplate{}
		// An unknown field is an error, as in `argo lint`.
		if err := yaml.UnmarshalStrict(one.text, template); err != nil {
			note(one, err)
			continue
		}
		known[template.Name] = template
		note(one, validateTemplate(ctx, known, template))
		submitted := common.NewWorkflowFromWorkflowTemplate(template.Name, false)
		for _, parameter := range template.Spec.Arguments.Parameters {
			if parameter.Value == nil {
				parameter.Value = v1alpha1.AnyStringPtr("0") // who submits it has to give one
				submitted.Spec.Arguments.Parameters = append(submitted.Spec.Arguments.Parameters, parameter)
			}
		}
		note(object{"Workflow of", one.name, nil}, validateWorkflow(ctx, known, submitted))
	}
	for _, one := range objects {
		switch one.kind {
		case "WorkflowTemplate":
		case "CronWorkflow":
			workflow := &v1alpha1.CronWorkflow{}
			if err := yaml.UnmarshalStrict(one.text, workflow); err != nil {
				note(one, err)
				continue
			}
			note(one, validateCron(ctx, known, workflow))
		case "Workflow":
			workflow := &v1alpha1.Workflow{}
			if err := yaml.UnmarshalStrict(one.text, workflow); err != nil {
				note(one, err)
				continue
			}
			note(one, validateWorkflow(ctx, known, workflow))
		default:
			return nil, fmt.Errorf("a %s is nothing that Argo Workflows judges", one.kind)
		}
	}
	return problems, nil
}

func judgeCron(_ context.Context, line []byte) (any, error) {
	var schedule string
	words := []string{""}
	if json.Unmarshal(line, &schedule) == nil {
		words = []string{schedule}
	} else if err := json.Unmarshal(line, &words); err != nil || len(words) != 2 {
		return nil, fmt.Errorf("%s is neither a text nor a pair of texts", line)
	}
	problems := []string{}
	if _, err := cron.ParseStandard(words[0]); err != nil {
		problems = append(problems, err.Error())
	}
	if len(words) == 2 && words[1] != "" {
		if _, err := time.LoadLocation(words[1]); err != nil {
			problems = append(problems, err.Error())
		}
		if len(problems) == 0 {
			spec := schedulesOf(words[0], words[1])
			if _, err := cron.ParseStandard(spec); err != nil {
				problems = append(problems, err.Error())
			}
		}
	}
	return problems, nil
}

// fill does what the controller does with a template before and after it makes a pod of it: executeTemplate and
// substitutePodParams.
func fill(ctx context.Context, line []byte) (any, error) {
	var pair [2]json.RawMessage
	var name string
	template := &v1alpha1.WorkflowTemplate{}
	if err := json.Unmarshal(line, &pair); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(pair[0], template); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(pair[1], &name); err != nil {
		return nil, err
	}
	found, err := resolved(ctx, template, name)
	if err != nil {
		return nil, err
	}
	globals := common.Parameters{
		"workflow.name": "run", "workflow.namespace": "flows", "workflow.uid": "0", "workflow.status": "Succeeded",
		"workflow.failures": "[]", "workflow.creationTimestamp": "2026-01-01T00:00:00Z",
	}
	for _, parameter := range template.Spec.Arguments.Parameters {
		globals["workflow.parameters."+parameter.Name] = parameter.Value.String()
	}
	arguments := v1alpha1.Arguments{}
	for _, input := range found.Inputs.Parameters {
		arguments.Parameters = append(arguments.Parameters, v1alpha1.Parameter{Name: input.Name, Value: v1alpha1.AnyStringPtr("0")})
	}
	return filled(ctx, found, arguments, globals, common.Parameters{"retries": "0", "pod.name": "run-0"})
}

// guarded turns a panic into a problem: robfig/cron has some, by which a controller ends.
func guarded(judge answer, ctx context.Context, line []byte) (said any, err error) {
	defer func() {
		if found := recover(); found != nil {
			said, err = []string{fmt.Sprintf("panic: %v", found)}, nil
		}
	}()
	return judge(ctx, line)
}

// answer gives what is said of a line.
type answer = func(context.Context, []byte) (any, error)

func main() {
	judges := map[string]answer{"objects": judgeObjects, "crons": judgeCron, "filled": fill}
	if len(os.Args) != 2 || judges[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: argo-judge objects|crons|filled")
		os.Exit(2)
	}
	ctx := background()
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, end := input.ReadBytes('\n')
		if len(line) > 0 {
			said, err := guarded(judges[os.Args[1]], ctx, line)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
			text, err := json.Marshal(said)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
			fmt.Println(string(text))
		}
		if end != nil {
			return
		}
	}
}
