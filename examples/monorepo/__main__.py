from flowinfra import deploy

deploy()
