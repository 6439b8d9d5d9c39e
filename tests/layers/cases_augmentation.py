"""Augmentation: what is random has no Keras twin; see test_augmentation.py for what each layer does."""

from case_kit import case

from deepkit import layers

IMAGES = (4, 5, 3)
WIDE = (-20.0, 20.0)

CASES = [
    case(lambda: layers.RandomFlip(), IMAGES, random=True),
    case(lambda: layers.RandomCrop(2, 3), IMAGES, random=True),
    case(lambda: layers.RandomCrop(4, 5), IMAGES, dtype="uint8", random=True),
    case(lambda: layers.RandomRotation(0.3), IMAGES, random=True),
    case(lambda: layers.RandomZoom(0.3, (0.1, 0.4), fill_mode="constant", fill_value=2.0), IMAGES, random=True),
    case(lambda: layers.RandomTranslation(0.3, 0.2, "wrap", "nearest"), IMAGES, random=True),
    case(lambda: layers.RandomBrightness(0.2, value_range=WIDE), IMAGES, random=True),
    case(lambda: layers.RandomContrast((0.2, 0.4), value_range=WIDE), IMAGES, random=True),
    case(lambda: layers.RandomColorJitter(WIDE, 0.1, 0.1, 0.4, 0.3), IMAGES, random=True),
    case(lambda: layers.RandomErasing(0.8, value_range=WIDE), IMAGES, random=True),
    case(lambda: layers.MixUp(), (3,), random=True),
    case(lambda: layers.CutMix(), IMAGES, random=True),
]
