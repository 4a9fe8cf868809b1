from flowinfra.program.deploy import deploy

deploy()
