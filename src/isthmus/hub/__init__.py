"""Models on the Hugging Face Hub. It needs huggingface_hub."""
