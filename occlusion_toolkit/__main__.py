"""`python -m occlusion_toolkit` is the `occlusion-toolkit` command."""

from occlusion_toolkit.cli.main import main

if __name__ == "__main__":
    main()
