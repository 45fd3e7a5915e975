"""Images: their parts are superpixels or the cells of a grid; hidden parts show something else."""

from limekiln.domains.images.channels import Pixels
from limekiln.domains.images.concepts import typical
from limekiln.domains.images.decoding import conversion
from limekiln.domains.images.domain import Images, fit, globalise
from limekiln.domains.images.drawing import overlay, patch
from limekiln.domains.images.picture import Picture

__all__ = ["Images", "Picture", "Pixels", "conversion", "fit", "globalise", "overlay", "patch", "typical"]
