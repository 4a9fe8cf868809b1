"""Python processes of a job as forks of one that has imported boto3 and Metaflow already.

A task of Metaflow's is a dozen Python processes, and most of what each of them costs is importing the same modules.
Here the first one of an attempt starts a server, inside of the attempt's own namespaces and process group; it and those
after it are forks of that:

    launcher.py   the script that is `python` in a job
    client.py     what it runs: hands its arguments, environment and open files to the server, passes signals on, and
                  ends as the fork ends
    __main__.py   starts the server
    server.py     imports, forks, and tells how forks end
    request.py    what a client asks for, and whether a fork can be exactly that
    become.py     in a fork: `python FILE`, `python -m MODULE` or `python -c CODE`

What a fork cannot do as a new interpreter would, the server declines, and the client executes the interpreter: other
options, a module beside the program that hides one already imported, another process group or user, other variables of
the interpreter. Metaflow is imported with the environment, the folder and the search path of the one who asked; where
these differ, another server is forked (`server.IRRELEVANT` are the variables that may).

These files but the launcher's are run by the jobs' interpreter, which may be older than ours: they import nothing of
flowinfra.
"""
