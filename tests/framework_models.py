"""Small models of each framework, made on the spot: what a person would upload."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def zipped(folder: Path) -> bytes:
    """A folder's contents as a zip."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return sink.getvalue()


def zipped_named(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of files by name."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return sink.getvalue()


def zipped_files(**files: str | bytes) -> bytes:
    """A zip of files given by name, ``__`` standing for a dot."""
    return zipped_named({name.replace("__", "."): body for name, body in files.items()})


CUSTOM_SOURCE = """
import json
from mac.config.inference import CustomInferenceConfig
from mac.inference import Inference
from mac.inference.creation import InferenceBuilder
from mac.types import InferenceData


class Scaling(Inference):
    @property
    def expected_model_types(self):
        return {dict}

    @Inference.model.setter
    def model(self, model):
        self._raise_error_if_model_is_wrong_type(model)
        self._model = model

    def _predict(self, input_data: InferenceData) -> InferenceData:
        return {"scaled": input_data["values"] * self._model["factor"]}


class ScalingBuilder(InferenceBuilder):
    @property
    def inference(self):
        return Scaling()

    def create(self, config: CustomInferenceConfig) -> Scaling:
        inference = self.inference
        inference.model = json.loads((config.model_path / "weights.json").read_text())
        return inference
"""


def custom(**more: str) -> bytes:
    """A custom model that multiplies the column ``values`` by 3, an artifact of its."""
    return zipped_files(scaling__py=CUSTOM_SOURCE, weights__json=json.dumps({"factor": 3.0}), **more)


def tokenizer(texts: list[str]) -> Any:
    """A word tokenizer trained on the texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=500, special_tokens=special))
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("bos", "pad", "eos", "unk", "mask")
    tokens = {f"{name}_token": token for name, token in zip(names, special, strict=True)}
    return PreTrainedTokenizerFast(
        tokenizer_object=words, model_max_length=512, sep_token="</s>", cls_token="<s>",
        model_input_names=["input_ids", "attention_mask"], **tokens,
    )  # fmt: skip


TEXTS = [
    "LinkedIn is a business and employment focused social media platform that works through websites and apps",
    "the house has three rooms and a garden with old trees",
    "what does the model say about the weather of tomorrow",
]


def summarizer(folder: Path, task: str = "summarization") -> bytes:
    """A BART of 2 small layers with random weights, saved as ``pipeline.save_pretrained`` does, zipped."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration, pipeline

    torch.manual_seed(0)
    words = tokenizer(TEXTS)
    config = BartConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=600,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    model = BartForConditionalGeneration(config)
    model.generation_config.max_length = 12
    model.generation_config.num_beams = 1
    pipeline(task, model=model, tokenizer=words, framework="pt").save_pretrained(folder)
    return zipped(folder)


def distilbert(folder: Path, task: str) -> bytes:
    """A tiny DistilBERT for a task that transformers has an AutoModel for, zipped."""
    import torch
    from transformers import (
        DistilBertConfig,
        DistilBertForQuestionAnswering,
        DistilBertForSequenceClassification,
        DistilBertModel,
    )

    torch.manual_seed(0)
    words = tokenizer(TEXTS)
    classes_of = ["yes", "no"] if task == "question-answering" else ["contradiction", "neutral", "entailment"]
    config = DistilBertConfig(
        vocab_size=len(words), dim=16, n_layers=1, n_heads=2, hidden_dim=16, pad_token_id=1, max_position_embeddings=512,
        id2label=dict(enumerate(classes_of)), label2id={name: place for place, name in enumerate(classes_of)},
    )  # fmt: skip
    classes = {"question-answering": DistilBertForQuestionAnswering, "feature-extraction": DistilBertModel}
    classes.get(task, DistilBertForSequenceClassification)(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return zipped(folder)


def generator(folder: Path) -> bytes:
    """A GPT-2 of one small layer, zipped."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    words = tokenizer(TEXTS)
    config = GPT2Config(
        vocab_size=len(words), n_embd=16, n_layer=1, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=2
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return zipped(folder)


def seer(folder: Path) -> bytes:
    """A vision transformer of one small layer for images of 16 by 16 pixels, zipped."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8,
        id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return zipped(folder)


def iris() -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of the flowers."""
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


def sklearn_classifier(**options: Any) -> tuple[bytes, Any]:
    """A fitted pipeline, pickled, and the model itself."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = iris()
    model = make_pipeline(StandardScaler(), LogisticRegression(**options)).fit(features, labels)
    return pickle.dumps(model), model


def torchscript(path: Path) -> bytes:
    """A scripted module of one linear layer that doubles and adds one."""
    import torch

    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(1.0)
    torch.jit.script(layer).save(str(path))
    return path.read_bytes()
